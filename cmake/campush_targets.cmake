# campush_library(name [FOLDER path] SOURCES … LINK …)
#
# One library a source folder. A library sees its own folder and those of the libraries it links, nothing else: the include path
# of a target is a private tree of links, so that an include against the arrows of the design does not compile.

add_library(campush_options INTERFACE)
target_compile_options(campush_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wcast-align -Wunused -Wconversion -Wno-sign-conversion -Wformat=2 -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 at -O3 sees overflows inside inlined std::vector and std::string code that are not there (seen: insert, move, append).
  # clang's warnings and AddressSanitizer look at the same places.
  target_compile_options(campush_options INTERFACE -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict)
endif()
if(CAMPUSH_WERROR)
  target_compile_options(campush_options INTERFACE -Werror)
endif()
# For devices: what nobody calls is left out.
target_compile_options(campush_options INTERFACE $<$<CONFIG:MinSizeRel>:-ffunction-sections -fdata-sections>)
target_link_options(campush_options INTERFACE $<$<CONFIG:MinSizeRel>:-Wl,--gc-sections,--as-needed>)
if(CAMPUSH_SANITIZE STREQUAL "address")
  target_compile_options(campush_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(campush_options INTERFACE -fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(campush_options INTERFACE -fsanitize=fuzzer-no-link)
  endif()
elseif(CAMPUSH_SANITIZE STREQUAL "thread")
  # GCC warns that TSan does not model atomic_thread_fence, which Asio's headers use.
  target_compile_options(campush_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  target_link_options(campush_options INTERFACE -fsanitize=thread)
endif()

function(campush_library name)
  cmake_parse_arguments(arg "" "FOLDER" "SOURCES;LINK" ${ARGN})
  if(NOT arg_FOLDER)
    set(arg_FOLDER ${name})
  endif()
  set(tree ${CMAKE_BINARY_DIR}/include/${name})
  get_filename_component(parent ${tree}/${arg_FOLDER} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  if(NOT EXISTS ${tree}/${arg_FOLDER})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${arg_FOLDER} ${tree}/${arg_FOLDER} SYMBOLIC)
  endif()
  add_library(campush_${name} STATIC ${arg_SOURCES})
  add_library(campush::${name} ALIAS campush_${name})
  target_include_directories(campush_${name} PUBLIC ${tree})
  target_link_libraries(campush_${name} PUBLIC ${arg_LINK} PRIVATE campush_options)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # A static object that is destroyed while a loop still runs is a crash at exit.
    target_compile_options(campush_${name} PRIVATE -Wexit-time-destructors)
  endif()
endfunction()

# What tools/cross-test builds and runs: "unit NAME", "integration NAME".
file(WRITE ${CMAKE_BINARY_DIR}/suites.txt "")

# campush_test(name [ONE_THREAD] SOURCES … LINK … [TIMEOUT s] [LABELS …]): one GoogleTest program, each case one ctest test.
# ONE_THREAD: nothing in it starts a thread, so that the thread sanitizer has nothing to see.
function(campush_test name)
  cmake_parse_arguments(arg "ONE_THREAD" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(arg_ONE_THREAD AND CAMPUSH_SANITIZE STREQUAL "thread")
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} campush_options GTest::gmock GTest::gtest_main)
  # GoogleTest's macros cost twice the time at -O3; what is under test keeps its own level.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE CAMPUSH_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" kind ${folder})
  file(APPEND ${CMAKE_BINARY_DIR}/suites.txt "${kind} ${name}\n")
  # One label with commas: a list does not survive the discovery, and -L takes an expression anyway.
  list(JOIN arg_LABELS "," labels)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${labels}")
endfunction()

# campush_fuzzer(name SOURCES … LINK …): the same LLVMFuzzerTestOneInput either under libFuzzer or replaying its corpus
# folder tests/fuzz/corpus/<name> as a test.
function(campush_fuzzer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  if(CAMPUSH_BUILD_FUZZERS)
    add_executable(fuzz_${name} ${arg_SOURCES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${arg_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME fuzz_corpus.${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
  target_link_libraries(fuzz_${name} PRIVATE ${arg_LINK} campush_options)
endfunction()
