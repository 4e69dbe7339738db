################################################################################
#
# campush
#
################################################################################

# Built from the tree that this file lies in: there is no release archive yet.
# CAMPUSH_OVERRIDE_SRCDIR in local.mk names another tree.
CAMPUSH_VERSION = 0.1.0
CAMPUSH_SITE = $(realpath $(BR2_EXTERNAL_CAMPUSH_PATH)/../..)
CAMPUSH_SITE_METHOD = local
CAMPUSH_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude /build
CAMPUSH_LICENSE = Apache-2.0
CAMPUSH_LICENSE_FILES = LICENSE
CAMPUSH_DEPENDENCIES = boost cli11 fmt openssl rapidjson spdlog tl-expected
CAMPUSH_SUPPORTS_IN_SOURCE_BUILD = NO

CAMPUSH_CONF_OPTS = \
	-DCAMPUSH_BUILD_TESTS=OFF \
	-DCAMPUSH_BUILD_BENCH=OFF \
	-DCAMPUSH_HARDENING=ON

ifeq ($(BR2_PACKAGE_CAMPUSH_ALSA),y)
CAMPUSH_DEPENDENCIES += alsa-lib
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_ALSA=ON
else
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_ALSA=OFF
endif

ifeq ($(BR2_PACKAGE_CAMPUSH_LIBRTMP),y)
CAMPUSH_DEPENDENCIES += rtmpdump
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_LIBRTMP=ON
else
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_LIBRTMP=OFF
endif

ifeq ($(BR2_PACKAGE_CAMPUSH_LIBAV),y)
CAMPUSH_DEPENDENCIES += ffmpeg host-pkgconf
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_LIBAV=ON
else
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_LIBAV=OFF
endif

ifeq ($(BR2_PACKAGE_CAMPUSH_SECCOMP),y)
CAMPUSH_DEPENDENCIES += libseccomp
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_SECCOMP=ON
else
CAMPUSH_CONF_OPTS += -DCAMPUSH_WITH_SECCOMP=OFF
endif

# A device's own configuration comes from its overlay and stays.
define CAMPUSH_INSTALL_CONFIG
	$(INSTALL) -d -m 0750 $(TARGET_DIR)/etc/campush
	test -e $(TARGET_DIR)/etc/campush/system_config.json || \
		$(INSTALL) -m 0640 $(@D)/etc/system_config.json \
			$(TARGET_DIR)/etc/campush/system_config.json
endef
CAMPUSH_POST_INSTALL_TARGET_HOOKS += CAMPUSH_INSTALL_CONFIG

ifneq ($(BR2_PACKAGE_CAMPUSH_TOOLS),y)
define CAMPUSH_REMOVE_TOOLS
	rm -f $(TARGET_DIR)/usr/bin/campush-sink \
		$(TARGET_DIR)/usr/bin/campush-hal-check
endef
CAMPUSH_POST_INSTALL_TARGET_HOOKS += CAMPUSH_REMOVE_TOOLS
endif

define CAMPUSH_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/packaging/sysvinit/S80campush \
		$(TARGET_DIR)/etc/init.d/S80campush
	$(INSTALL) -d $(TARGET_DIR)/etc/default
	echo 'CAMPUSH_USER=campush:campush' >$(TARGET_DIR)/etc/default/campush
endef

define CAMPUSH_INSTALL_INIT_SYSTEMD
	$(INSTALL) -D -m 0644 $(@D)/packaging/systemd/campush.service \
		$(TARGET_DIR)/usr/lib/systemd/system/campush.service
endef

define CAMPUSH_USERS
	campush -1 campush -1 * /var/lib/campush - video,audio campush
endef

define CAMPUSH_PERMISSIONS
	/etc/campush d 0750 root campush - - - - -
	/etc/campush/system_config.json f 0640 root campush - - - - -
	/var/lib/campush d 0750 campush campush - - - - -
endef

$(eval $(cmake-package))
