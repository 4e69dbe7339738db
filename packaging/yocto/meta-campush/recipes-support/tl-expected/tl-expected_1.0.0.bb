SUMMARY = "std::expected for C++17, one header"
HOMEPAGE = "https://github.com/TartanLlama/expected"
SECTION = "libs"
LICENSE = "CC0-1.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/CC0-1.0;md5=0ceb3372c9595f0a8067e55da801e4a1"

# Debian's archive, with the hash of Debian's signed index.
SRC_URI = "https://deb.debian.org/debian/pool/main/t/tl-expected/tl-expected_${PV}~dfsg.orig.tar.xz;subdir=unpacked \
           file://tl-expected-config.cmake"
SRC_URI[sha256sum] = "643b32aea2e13650abd7b187f9623302efaa089d6058ebf8ebcb1996024bcc65"

S = "${WORKDIR}/unpacked"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -D -m 0644 ${S}/*/include/tl/expected.hpp ${D}${includedir}/tl/expected.hpp
    install -D -m 0644 ${WORKDIR}/tl-expected-config.cmake ${D}${datadir}/cmake/tl-expected/tl-expected-config.cmake
}

FILES:${PN}-dev += "${datadir}/cmake"
# Headers alone.
ALLOW_EMPTY:${PN} = "1"
