SUMMARY = "Camera push agent: RTMP and RTMPS with failover"
DESCRIPTION = "Takes encoded video and audio from each camera and pushes it to RTMP servers, each with its own list of fallback servers."
SECTION = "multimedia"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE;md5=3b83ef96387f14655fc854ddc3c6bd57"

DEPENDS = "boost cli11 fmt openssl rapidjson spdlog tl-expected"

# There is no release archive yet. The source is the tree that this layer lies in, or a repository that local.conf names:
#   CAMPUSH_GIT = "git://git.example/campush.git;protocol=https;branch=main"
#   CAMPUSH_SRCREV = "${AUTOREV}"      (or better: a commit)
CAMPUSH_GIT ?= ""
CAMPUSH_SRCREV ?= "${AUTOREV}"
CAMPUSH_TREE ?= "${@os.path.abspath(os.path.join(d.getVar('THISDIR'), '../../../../..'))}"

inherit cmake pkgconfig useradd systemd update-rc.d externalsrc

SRC_URI = "${CAMPUSH_GIT}"
SRCREV = "${@d.getVar('CAMPUSH_SRCREV') if d.getVar('CAMPUSH_GIT') else 'INVALID'}"
S = "${@'${WORKDIR}/git' if d.getVar('CAMPUSH_GIT') else d.getVar('CAMPUSH_TREE')}"
EXTERNALSRC = "${@'' if d.getVar('CAMPUSH_GIT') else d.getVar('CAMPUSH_TREE')}"
EXTERNALSRC_BUILD = "${WORKDIR}/build"

EXTRA_OECMAKE = " \
    -DCMAKE_BUILD_TYPE=Release \
    -DCAMPUSH_BUILD_TESTS=OFF \
    -DCAMPUSH_BUILD_BENCH=OFF \
    -DCAMPUSH_HARDENING=ON \
"

# libav: raw and MJPEG cameras, AAC, Opus; with x264 or x265 in FFmpeg what is shipped is under the GPL (docs/licences.md).
PACKAGECONFIG ??= "alsa seccomp"
PACKAGECONFIG[alsa] = "-DCAMPUSH_WITH_ALSA=ON,-DCAMPUSH_WITH_ALSA=OFF,alsa-lib,alsa-lib"
PACKAGECONFIG[libav] = "-DCAMPUSH_WITH_LIBAV=ON,-DCAMPUSH_WITH_LIBAV=OFF,ffmpeg"
PACKAGECONFIG[librtmp] = "-DCAMPUSH_WITH_LIBRTMP=ON,-DCAMPUSH_WITH_LIBRTMP=OFF,rtmpdump,librtmp1"
PACKAGECONFIG[seccomp] = "-DCAMPUSH_WITH_SECCOMP=ON,-DCAMPUSH_WITH_SECCOMP=OFF,libseccomp"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system campush"
USERADD_PARAM:${PN} = "--system --home-dir /var/lib/campush --no-create-home --shell /bin/false --groups video,audio --gid campush campush"

SYSTEMD_SERVICE:${PN} = "campush.service"
INITSCRIPT_NAME = "campush"
INITSCRIPT_PARAMS = "defaults 80 20"

do_install:append() {
    install -d -m 0750 ${D}${sysconfdir}/campush
    install -m 0640 ${S}/etc/system_config.json ${D}${sysconfdir}/campush/system_config.json
    chown -R root:campush ${D}${sysconfdir}/campush
    if ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'true', 'false', d)}; then
        install -D -m 0644 ${S}/packaging/systemd/campush.service ${D}${systemd_system_unitdir}/campush.service
    fi
    if ${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', 'true', 'false', d)}; then
        install -D -m 0755 ${S}/packaging/sysvinit/S80campush ${D}${sysconfdir}/init.d/campush
        install -d ${D}${sysconfdir}/default
        echo 'CAMPUSH_USER=campush:campush' > ${D}${sysconfdir}/default/campush
    fi
}

CONFFILES:${PN} = "${sysconfdir}/campush/system_config.json ${sysconfdir}/default/campush"

# The encoders are a module that is loaded by its name without a version.
PACKAGES =+ "${PN}-tools ${PN}-libav"
FILES:${PN}-tools = "${bindir}/campush-sink ${bindir}/campush-hal-check"
FILES:${PN}-libav = "${libdir}/campush"
FILES:${PN} += "${datadir}/campush ${systemd_system_unitdir}"
