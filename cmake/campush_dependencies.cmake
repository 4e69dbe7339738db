# Every library that campush links, by the Debian package in tools/dependencies.txt. Headers are SYSTEM: their warnings are not ours.
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(tl-expected REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h REQUIRED)

add_library(campush_boost INTERFACE)
target_include_directories(campush_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(campush_boost INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ERROR_CODE_HEADER_ONLY BOOST_BEAST_SEPARATE_COMPILATION)

add_library(campush_rapidjson INTERFACE)
target_include_directories(campush_rapidjson SYSTEM INTERFACE ${RAPIDJSON_INCLUDE_DIR})

# The second backend (docs/decisions): rtmpt, rtmpe, rtmpte, rtmpts, and "backend": "librtmp". On where header and library are found.
find_path(LIBRTMP_INCLUDE_DIR librtmp/rtmp.h)
find_library(LIBRTMP_LIBRARY rtmp)
if(LIBRTMP_INCLUDE_DIR AND LIBRTMP_LIBRARY)
  set(librtmp_default ON)
else()
  set(librtmp_default OFF)
endif()
option(CAMPUSH_WITH_LIBRTMP "Build the librtmp backend (librtmp-dev)" ${librtmp_default})
if(CAMPUSH_WITH_LIBRTMP AND NOT librtmp_default)
  message(FATAL_ERROR "CAMPUSH_WITH_LIBRTMP is on, and librtmp/rtmp.h or the library rtmp is missing (Debian: librtmp-dev)")
endif()
message(STATUS "librtmp backend: ${CAMPUSH_WITH_LIBRTMP}")
if(CAMPUSH_WITH_LIBRTMP)
  add_library(campush_librtmp INTERFACE)
  target_include_directories(campush_librtmp SYSTEM INTERFACE ${LIBRTMP_INCLUDE_DIR})
  # Loaded when it is first needed (rtmp/librtmp_library.h), so that nobody else pays for it and its GnuTLS.
  target_link_libraries(campush_librtmp INTERFACE ${CMAKE_DL_LIBS})
endif()
