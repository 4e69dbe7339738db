# The Debian packages, made by CPack from the install components of the same names (tools/package): campush, campush-libav (the encoders,
# with FFmpeg's libraries as dependencies that a device which only pushes does not want), campush-tools, libcampush-dev.

set(packaging ${CMAKE_SOURCE_DIR}/packaging)
# Below /etc and /lib whatever the prefix: never part of a plain `cmake --install`.
install(FILES ${CMAKE_SOURCE_DIR}/etc/system_config.json DESTINATION /etc/campush COMPONENT campush EXCLUDE_FROM_ALL)
install(FILES ${packaging}/systemd/campush.service DESTINATION /lib/systemd/system COMPONENT campush EXCLUDE_FROM_ALL)
install(FILES ${packaging}/systemd/campush.sysusers DESTINATION /usr/lib/sysusers.d RENAME campush.conf COMPONENT campush
  EXCLUDE_FROM_ALL)
install(FILES ${packaging}/systemd/campush.tmpfiles DESTINATION /usr/lib/tmpfiles.d RENAME campush.conf COMPONENT campush
  EXCLUDE_FROM_ALL)
install(FILES ${packaging}/debian/campush.logrotate DESTINATION /etc/logrotate.d RENAME campush COMPONENT campush EXCLUDE_FROM_ALL)
foreach(package campush campush-libav campush-tools libcampush-dev)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME copyright
    COMPONENT ${package} EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME campush)
set(CPACK_PACKAGE_VENDOR campush)
set(CPACK_PACKAGE_CONTACT "campush maintainers <campush@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL campush campush-tools libcampush-dev)
if(TARGET campush_libav)
  list(APPEND CPACK_COMPONENTS_ALL campush-libav)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# debian_package(component description section [KEY value …]): the fields of one package.
function(debian_package component description section)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${description}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${component} PARENT_SCOPE)
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section} PARENT_SCOPE)
  list(LENGTH ARGN count)
  if(count GREATER 0)
    math(EXPR last "${count} - 1")
    foreach(i RANGE 0 ${last} 2)
      math(EXPR next "${i} + 1")
      list(GET ARGN ${i} key)
      list(GET ARGN ${next} value)
      string(REPLACE "|" ";" value "${value}")
      set(CPACK_DEBIAN_${upper}_PACKAGE_${key} "${value}" PARENT_SCOPE)
    endforeach()
  endif()
endfunction()

# Maintainer scripts want the names that dpkg gives them.
set(control ${CMAKE_BINARY_DIR}/debian_control)
foreach(script conffiles postinst prerm postrm)
  configure_file(${packaging}/debian/campush.${script} ${control}/${script} COPYONLY)
endforeach()
debian_package(campush "camera push agent: RTMP publisher with failover
Pushes the encoded streams of cameras to RTMP and RTMPS servers, each stream to any number of them, and keeps pushing
whatever network and servers do." net
  DEPENDS "passwd, init-system-helpers (>= 1.51), ca-certificates" RECOMMENDS libasound2 SUGGESTS "campush-libav, librtmp1"
  CONTROL_EXTRA "${control}/conffiles|${control}/postinst|${control}/prerm|${control}/postrm")
debian_package(campush-libav "encoders for the camera push agent, on FFmpeg's libraries
Raw and MJPEG cameras, the test pattern, AAC and Opus. Not needed where cameras deliver H.264 or H.265." net
  DEPENDS "campush (= ${PROJECT_VERSION})")
debian_package(campush-tools "test server, plug-in check and migration for campush
campush-sink records and misbehaves as an RTMP server, campush-hal-check tries a vendor's encoder plug-in,
migrate_rtmp_config carries over the configuration of older firmware." net
  DEPENDS python3)
debian_package(libcampush-dev "static libraries and headers of the camera push agent
For firmware that embeds url_template, multi_session_manager and what they are made of." libdevel
  DEPENDS "libssl-dev, libspdlog-dev, libfmt-dev, libexpected-dev, libc6-dev")

include(CPack)
