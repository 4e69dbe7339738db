# Shared by the toolchain files of this folder: a cross compiler of Debian or Ubuntu on a sysroot of tools/make-sysroot.
# Before: campush_arch (as in build/sysroot-<arch>), campush_triplet, campush_qemu (the name of its qemu-user).
set(CMAKE_SYSTEM_NAME Linux)

# CMake reads this file again for each compiler check, where the cache is another one.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CAMPUSH_SYSROOT)
if(NOT CAMPUSH_SYSROOT)
  get_filename_component(CAMPUSH_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-${campush_arch} ABSOLUTE)
endif()
set(CAMPUSH_SYSROOT ${CAMPUSH_SYSROOT} CACHE PATH "Where headers and libraries of the target are (tools/make-sysroot)")
if(NOT EXISTS ${CAMPUSH_SYSROOT}/usr/include)
  message(FATAL_ERROR "There is no sysroot in ${CAMPUSH_SYSROOT}. Make it with: tools/make-sysroot ${campush_arch} "
    "(or say where it is: -DCAMPUSH_SYSROOT=FOLDER)")
endif()
set(CMAKE_SYSROOT ${CAMPUSH_SYSROOT})

find_program(campush_cross_compiler ${campush_triplet}-g++ NO_CMAKE_FIND_ROOT_PATH)
if(NOT campush_cross_compiler)
  message(FATAL_ERROR "${campush_triplet}-g++ is not here (Debian, Ubuntu: apt-get install g++-${campush_triplet})")
endif()
set(CMAKE_C_COMPILER ${campush_triplet}-gcc)
set(CMAKE_CXX_COMPILER ${campush_triplet}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${campush_triplet})

# Programs are the host's; headers, libraries and CMake packages are the target's only.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config likewise: it would offer the host's libraries.
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CAMPUSH_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CAMPUSH_SYSROOT}/usr/lib/${campush_triplet}/pkgconfig:${CAMPUSH_SYSROOT}/usr/share/pkgconfig)

# What a library needs itself is looked for here, when a program is linked.
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT
    "-Wl,-rpath-link,${CAMPUSH_SYSROOT}/usr/lib/${campush_triplet}:${CAMPUSH_SYSROOT}/lib/${campush_triplet}")
endforeach()

# Tests run under QEMU's user emulation where it is installed (Debian, Ubuntu: qemu-user-static); building needs none.
find_program(campush_emulator NAMES qemu-${campush_qemu}-static qemu-${campush_qemu} NO_CMAKE_FIND_ROOT_PATH)
if(campush_emulator)
  set(CMAKE_CROSSCOMPILING_EMULATOR "${campush_emulator};-L;${CAMPUSH_SYSROOT}")
endif()
# Its tests are listed when they run, not when they are built.
set(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE PRE_TEST)
