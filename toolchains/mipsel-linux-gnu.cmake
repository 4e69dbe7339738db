# 32-bit MIPS, little endian: cmake --preset mipsel, after tools/make-sysroot mipsel.
set(campush_arch mipsel)
set(campush_triplet mipsel-linux-gnu)
set(campush_qemu mipsel)
set(CMAKE_SYSTEM_PROCESSOR mips)
# Here every function that others could call is named in the program: a seventh of its size.
set(CMAKE_CXX_FLAGS_INIT "-fvisibility=hidden -fvisibility-inlines-hidden")
include(${CMAKE_CURRENT_LIST_DIR}/debian_sysroot.cmake)
