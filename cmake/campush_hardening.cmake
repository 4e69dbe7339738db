# What makes a mistake in this code harder to use against a device (docs/security.md). Each flag is tried first: vendor compilers
# lack some. Only where the optimiser runs, and never beside a sanitizer, which brings its own checks and wants its own layout.
# tests/security/hardening_test.py looks at what came of it in the programs.
include(CheckCXXCompilerFlag)
include(CheckCXXSourceCompiles)
include(CheckLinkerFlag)

set(hardened_configs Release,MinSizeRel)
# Programs and the libraries they are made of. A shared object says itself that it can be moved (-fPIC), and the last word counts.
set(is_program $<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>)
set(is_static $<STREQUAL:$<TARGET_PROPERTY:TYPE>,STATIC_LIBRARY>)
set(is_for_programs $<AND:$<OR:${is_program},${is_static}>,$<NOT:$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>>)

# harden_compiler(flag [condition]): adds the flag to every target of ours if the compiler knows it.
function(harden_compiler flag)
  set(condition 1)
  if(ARGC GREATER 1)
    set(condition ${ARGV1})
  endif()
  string(MAKE_C_IDENTIFIER "CAMPUSH_HAS${flag}" known)
  # What a compiler only warns of, it does not know.
  set(CMAKE_REQUIRED_FLAGS "-Wformat -Werror")
  check_cxx_compiler_flag(${flag} ${known})
  if(${known})
    target_compile_options(campush_options INTERFACE $<$<AND:$<CONFIG:${hardened_configs}>,${condition}>:${flag}>)
  endif()
endfunction()

function(harden_linker flag)
  set(condition 1)
  if(ARGC GREATER 1)
    set(condition ${ARGV1})
  endif()
  string(MAKE_C_IDENTIFIER "CAMPUSH_LINKS${flag}" known)
  check_linker_flag(CXX ${flag} ${known})
  if(${known})
    target_link_options(campush_options INTERFACE $<$<AND:$<CONFIG:${hardened_configs}>,${condition}>:${flag}>)
  endif()
endfunction()

# fortify(level …): the first level that compiler and C library both know. Distributions that set one of their own lose it before.
function(harden_fortify)
  foreach(level ${ARGN})
    set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}")
    check_cxx_source_compiles("#include <string.h>\nint main(int, char** argv) { char to[8]; strcpy(to, argv[0]); return to[0]; }"
      CAMPUSH_HAS_FORTIFY_${level})
    if(CAMPUSH_HAS_FORTIFY_${level})
      target_compile_options(campush_options INTERFACE
        $<$<CONFIG:${hardened_configs}>:-U_FORTIFY_SOURCE> $<$<CONFIG:${hardened_configs}>:-D_FORTIFY_SOURCE=${level}>)
      return()
    endif()
  endforeach()
endfunction()

if(CAMPUSH_HARDENING AND NOT CAMPUSH_SANITIZE)
  harden_compiler(-fPIE ${is_for_programs})
  harden_compiler(-fstack-protector-strong)
  harden_compiler(-fstack-clash-protection)
  harden_compiler(-fcf-protection=full)
  harden_compiler(-mbranch-protection=standard)
  harden_compiler(-Werror=format-security)
  harden_fortify(3 2)
  # operator[], front(), back(), optional and pointers check themselves: a byte outside ends the process, not the device.
  # A sixth more code: not where size is what counts.
  target_compile_definitions(campush_options INTERFACE $<$<CONFIG:Release>:_GLIBCXX_ASSERTIONS>)
  harden_linker(-pie ${is_program})
  harden_linker(LINKER:-z,relro)
  harden_linker(LINKER:-z,now)
  harden_linker(LINKER:-z,noexecstack)
  harden_linker(LINKER:-z,separate-code)
endif()

# Virtual calls and casts reach only what the program's own classes allow; checked at run time, with clang, by optimising the program as a
# whole. Calls through plain pointers stay unchecked: those into plug-ins and into libraries that are loaded on demand are of that kind.
if(CAMPUSH_CFI)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CAMPUSH_SANITIZE)
    message(FATAL_ERROR "CAMPUSH_CFI needs clang, and no sanitizer beside it")
  endif()
  set(cfi_flags -flto=thin -fvisibility=hidden -fsanitize=cfi-vcall,cfi-nvcall,cfi-derived-cast
    -fsanitize-ignorelist=${CMAKE_SOURCE_DIR}/cmake/cfi_ignored.txt)
  target_compile_options(campush_options INTERFACE ${cfi_flags})
  target_link_options(campush_options INTERFACE ${cfi_flags} -fuse-ld=lld)
endif()
message(STATUS "hardening: ${CAMPUSH_HARDENING}")
