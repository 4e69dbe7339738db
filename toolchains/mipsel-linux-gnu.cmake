# 32-bit MIPS, little endian: cmake --preset mipsel, after tools/make-sysroot mipsel.
set(campush_arch mipsel)
set(campush_triplet mipsel-linux-gnu)
set(campush_qemu mipsel)
set(CMAKE_SYSTEM_PROCESSOR mips)
include(${CMAKE_CURRENT_LIST_DIR}/debian_sysroot.cmake)
