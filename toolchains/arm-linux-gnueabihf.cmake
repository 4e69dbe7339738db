# 32-bit ARMv7 with hardware floating point: cmake --preset armhf, after tools/make-sysroot armhf.
set(campush_arch armhf)
set(campush_triplet arm-linux-gnueabihf)
set(campush_qemu arm)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
include(${CMAKE_CURRENT_LIST_DIR}/debian_sysroot.cmake)
