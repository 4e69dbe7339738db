# 64-bit ARM: cmake --preset aarch64, after tools/make-sysroot aarch64.
set(campush_arch aarch64)
set(campush_triplet aarch64-linux-gnu)
set(campush_qemu aarch64)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/debian_sysroot.cmake)
