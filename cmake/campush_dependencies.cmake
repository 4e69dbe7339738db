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
