# 32-bit ARMv7 with hardware floating point: cmake --preset armhf, after tools/make-sysroot armhf.
set(campush_arch armhf)
set(campush_triplet arm-linux-gnueabihf)
set(campush_qemu arm)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
# GCC tells of every call whose rules changed with its version 7.
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)
include(${CMAKE_CURRENT_LIST_DIR}/debian_sysroot.cmake)
