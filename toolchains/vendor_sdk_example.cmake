# For the compiler that came with a chip's SDK. Copy this file, fill in the four places marked with a number, and build with
#
#   cmake -S . -B build/device -G Ninja -DCMAKE_TOOLCHAIN_FILE=/path/to/my_chip.cmake -DCMAKE_BUILD_TYPE=MinSizeRel \
#     -DCAMPUSH_BUILD_TESTS=OFF -DCAMPUSH_BUILD_BENCH=OFF
#   cmake --build build/device --target campush
#
# The compiler needs C++17 (g++ 10 or newer, clang 14 or newer) and Linux headers of 4.11 or newer. glibc and musl both do.

# 1. What the chip is. CMAKE_SYSTEM_PROCESSOR is what `uname -m` prints on the device.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)

# 2. Where the SDK is, and the prefix of its compiler: bin/arm-vendor-linux-gnueabihf-g++ gives arm-vendor-linux-gnueabihf.
set(sdk /opt/vendor-sdk)
set(prefix arm-vendor-linux-gnueabihf)
set(CMAKE_C_COMPILER ${sdk}/bin/${prefix}-gcc)
set(CMAKE_CXX_COMPILER ${sdk}/bin/${prefix}-g++)

# 3. Where the headers and libraries of the device are. An SDK often has two such folders: the compiler's own
#    (`${prefix}-gcc -print-sysroot` prints it), and that of the firmware (Buildroot calls it staging, Yocto sysroots). What campush
#    links has to be in one of them: OpenSSL 3, spdlog, fmt, and the headers of Boost (1.74 or newer), CLI11 (2.1), tl-expected and
#    RapidJSON (1.1); librtmp, ALSA, libseccomp and FFmpeg's libraries only where the device uses them. The last five header-only ones
#    are the same on every machine: a sysroot of tools/make-sysroot can lend them (add its folder to CMAKE_FIND_ROOT_PATH).
set(CMAKE_SYSROOT ${sdk}/${prefix}/sysroot)
set(CMAKE_FIND_ROOT_PATH ${sdk}/staging)

# 4. What the compiler has to be told about the core. Ask the SDK's documents, or `gcc -v` of a program that the vendor ships: a wrong
#    -mfloat-abi links and then crashes.
set(core "-mcpu=cortex-a7 -mfpu=neon-vfpv4 -mfloat-abi=hard")
set(CMAKE_C_FLAGS_INIT "${core}")
set(CMAKE_CXX_FLAGS_INIT "${core}")

# A device without a C++ runtime of this age: link it into the program (some 300 to 700 KB). Then dlopen'ed encoder plug-ins must not
# throw across their C interface, which src/device/vendor/camera_hal.h forbids anyway.
# set(CMAKE_EXE_LINKER_FLAGS_INIT "-static-libstdc++ -static-libgcc")

# Old 32-bit cores without 64-bit atomic instructions (MIPS32, ARMv5, ARMv6) need libatomic; campush finds that out by itself.

# Times: on 32-bit targets campush is built with _TIME_BITS=64, which glibc has from 2.34 on (musl: always). An older glibc ignores
# it; the agent then runs until 2038. One call of OpenSSL takes a time_t (src/net/tls_trust.cpp): an OpenSSL that was built without
# 64-bit times judges certificates rightly until 2038 on little-endian targets, and not at all on big-endian ones. Build it likewise.

# From here on nothing has to change: programs are the host's, everything else is the target's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config serves FFmpeg's libraries alone; without this it would offer the host's.
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${sdk}/staging)
set(ENV{PKG_CONFIG_LIBDIR} ${sdk}/staging/usr/lib/pkgconfig:${sdk}/staging/usr/share/pkgconfig)
