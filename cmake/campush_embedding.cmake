# libcampush: the libraries of the agent as firmware embeds them (docs/embedding.md), with a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

# Each after those that need it, as a linker wants them.
set(embedded server device codec rtmp rtmp_protocol net media util)
foreach(name ${embedded})
  install(TARGETS campush_${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT libcampush-dev)
endforeach()
foreach(folder util media net rtmp device codec server)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/src/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/campush COMPONENT libcampush-dev
    FILES_MATCHING PATTERN "*.h")
endforeach()

set(atomic_library "")
if(NOT CAMPUSH_ATOMICS_ARE_BUILT_IN)
  set(atomic_library atomic)
endif()
set(librtmp_definition "")
if(CAMPUSH_WITH_LIBRTMP)
  set(librtmp_definition CAMPUSH_WITH_LIBRTMP)
endif()
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/campush-config.cmake.in ${CMAKE_BINARY_DIR}/package/campush-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/campush PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/campush-config-version.cmake COMPATIBILITY SameMinorVersion)
# From where the file lies, so that it is right below any prefix (a sysroot, /usr of a package).
file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" campush_prefix_from_pc "\${pcfiledir}/${up}")
configure_file(${CMAKE_SOURCE_DIR}/cmake/campush.pc.in ${CMAKE_BINARY_DIR}/package/campush.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/campush-config.cmake ${CMAKE_BINARY_DIR}/package/campush-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/campush COMPONENT libcampush-dev)
install(FILES ${CMAKE_BINARY_DIR}/package/campush.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT libcampush-dev)
