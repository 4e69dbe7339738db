#include "device/v4l2/v4l2_negotiation.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "util/log.h"

namespace campush {

namespace {

constexpr uint32_t largest_side = 16384;
constexpr uint64_t largest_buffer = 256u << 20;
constexpr double rate_tolerance = 0.02;

/// The same questions to both kinds of v4l2_format.
struct format_words {
  uint32_t width, height, fourcc, field, quantization, colorspace, encoding, plane_count;
};

format_words read_words(const v4l2_format& format, bool is_multiplanar) noexcept {
  if (is_multiplanar) {
    const v4l2_pix_format_mplane& from = format.fmt.pix_mp;
    return {from.width,        from.height,     from.pixelformat, from.field,
            from.quantization, from.colorspace, from.ycbcr_enc,   from.num_planes};
  }
  const v4l2_pix_format& from = format.fmt.pix;
  // Without the mark the fields behind it were never written.
  const bool has_more = from.priv == V4L2_PIX_FMT_PRIV_MAGIC;
  return {from.width,
          from.height,
          from.pixelformat,
          from.field,
          has_more ? from.quantization : uint32_t{V4L2_QUANTIZATION_DEFAULT},
          from.colorspace,
          has_more ? from.ycbcr_enc : uint32_t{V4L2_YCBCR_ENC_DEFAULT},
          1};
}

void write_wish(v4l2_format& format, bool is_multiplanar, uint32_t fourcc, picture_size size) noexcept {
  if (is_multiplanar) {
    v4l2_pix_format_mplane& to = format.fmt.pix_mp;
    to.pixelformat = fourcc;
    to.width = size.width;
    to.height = size.height;
    to.field = V4L2_FIELD_ANY;
    for (auto& plane : to.plane_fmt) plane = {};
    return;
  }
  v4l2_pix_format& to = format.fmt.pix;
  to.pixelformat = fourcc;
  to.width = size.width;
  to.height = size.height;
  to.field = V4L2_FIELD_ANY;
  to.bytesperline = to.sizeimage = 0;
  to.priv = V4L2_PIX_FMT_PRIV_MAGIC;
}

bool is_full_range(const format_words& words, pixel_format raw) noexcept {
  if (words.quantization != V4L2_QUANTIZATION_DEFAULT) return words.quantization == V4L2_QUANTIZATION_FULL_RANGE;
  const bool is_rgb = raw == pixel_format::rgb24 || raw == pixel_format::bgr24;
  return is_rgb || raw == pixel_format::mjpeg || words.colorspace == V4L2_COLORSPACE_JPEG;
}

/// One negotiation with one node.
class negotiation {
 public:
  negotiation(const v4l2_node& node, const capture_request& request)
      : m_node(node), m_request(request), m_is_multiplanar(node.capabilities().is_multiplanar) {}

  result<capture_format> run() {
    if (auto chosen = choose_format(); !chosen) return tl::unexpected<error>(std::move(chosen.error()));
    if (auto set = set_format(); !set) return tl::unexpected<error>(std::move(set.error()));
    auto agreed = read_agreed();
    if (agreed) agreed->frame_rate = set_rate(*agreed);
    return agreed;
  }

 private:
  result<void> choose_format();
  result<void> set_format();
  result<capture_format> read_agreed() const;
  result<void> read_planes(capture_format& out) const;
  result<void> check_raw(capture_format& out) const;
  double set_rate(const capture_format& agreed) const;
  bool is_offered(uint32_t fourcc) const;

  const v4l2_node& m_node;
  const capture_request& m_request;
  const bool m_is_multiplanar;
  std::vector<offered_format> m_offered;
  v4l2_format m_format{};
};

bool negotiation::is_offered(uint32_t fourcc) const {
  return std::any_of(m_offered.begin(), m_offered.end(),
                     [fourcc](const offered_format& format) { return format.fourcc == fourcc; });
}

result<void> negotiation::choose_format() {
  m_format.type = m_node.buffer_type();
  if (const int reason = m_node.call(VIDIOC_G_FMT, &m_format); reason != 0) {
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_G_FMT"));
  }
  m_offered = enumerate_formats(m_node);
  const format_words current = read_words(m_format, m_is_multiplanar);
  uint32_t fourcc = 0;
  for (const uint32_t wanted : m_request.fourccs) {
    // A driver that cannot enumerate is asked by trying.
    v4l2_format trial = m_format;
    write_wish(trial, m_is_multiplanar, wanted, {current.width, current.height});
    const bool is_possible = m_offered.empty() ? m_node.call(VIDIOC_TRY_FMT, &trial) == 0 &&
                                                     read_words(trial, m_is_multiplanar).fourcc == wanted
                                               : is_offered(wanted);
    if (is_possible || (m_offered.empty() && current.fourcc == wanted)) {
      fourcc = wanted;
      break;
    }
  }
  if (fourcc == 0) {
    const std::string wanted = m_request.fourccs.empty() ? "nothing" : fourcc_text(m_request.fourccs.front());
    const std::string has = m_offered.empty() ? fourcc_text(current.fourcc) : list_fourccs(m_offered);
    return fail(error_code::unsupported, m_node.path() + " does not deliver " + wanted + "; it offers " + has);
  }
  picture_size size{current.width, current.height};
  if (m_request.width != 0 && m_request.height != 0) {
    size = nearest_size(enumerate_sizes(m_node, fourcc), {m_request.width, m_request.height});
  }
  write_wish(m_format, m_is_multiplanar, fourcc, size);
  return {};
}

result<void> negotiation::set_format() {
  const uint32_t wanted = read_words(m_format, m_is_multiplanar).fourcc;
  const int reason = m_node.call(VIDIOC_S_FMT, &m_format);
  if (reason != 0) {
    // A loopback whose producer has set the format, and a device that another program set up, take it as it is.
    v4l2_format current{};
    current.type = m_node.buffer_type();
    const bool is_set_anyway = (reason == EBUSY || reason == EINVAL || reason == ENOTTY) &&
                               m_node.call(VIDIOC_G_FMT, &current) == 0 &&
                               read_words(current, m_is_multiplanar).fourcc == wanted;
    if (!is_set_anyway) return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_S_FMT"));
    m_format = current;
  }
  const uint32_t got = read_words(m_format, m_is_multiplanar).fourcc;
  if (got == wanted) return {};
  return fail(error_code::unsupported,
              m_node.path() + " was asked for " + fourcc_text(wanted) + " and answers with " + fourcc_text(got));
}

result<capture_format> negotiation::read_agreed() const {
  const format_words words = read_words(m_format, m_is_multiplanar);
  const known_format* const format = find_format(words.fourcc);
  const std::string size = std::to_string(words.width) + "x" + std::to_string(words.height);
  const bool is_size_possible =
      words.width > 0 && words.height > 0 && words.width <= largest_side && words.height <= largest_side;
  if (format == nullptr || !is_size_possible) {
    return fail(error_code::unsupported, m_node.path() + " answers with pictures of " + size);
  }
  const bool is_asked = m_request.width != 0 && m_request.height != 0;
  if (is_asked && (words.width != m_request.width || words.height != m_request.height)) {
    log_warn(log_module::device, "{}: {}x{} is not to be had as {}, taking {}", m_node.path(), m_request.width,
             m_request.height, fourcc_text(words.fourcc), size);
  }
  const bool is_progressive = words.field == V4L2_FIELD_NONE || words.field == V4L2_FIELD_ANY;
  if (!is_progressive) log_warn(log_module::device, "{}: its pictures are interlaced", m_node.path());
  capture_format out;
  out.format = *format;
  out.width = words.width;
  out.height = words.height;
  out.plane_count = words.plane_count;
  out.is_full_range = is_full_range(words, format->raw);
  if (auto planes = read_planes(out); !planes) return tl::unexpected<error>(std::move(planes.error()));
  return out;
}

result<void> negotiation::read_planes(capture_format& out) const {
  if (out.plane_count != out.format.memory_planes) {
    return fail(error_code::unsupported, m_node.path() + " answers with " + std::to_string(out.plane_count) +
                                             " planes for " + fourcc_text(out.format.fourcc));
  }
  for (uint32_t plane = 0; plane < out.plane_count; ++plane) {
    const bool is_mp = m_is_multiplanar;
    out.sizes[plane] = is_mp ? m_format.fmt.pix_mp.plane_fmt[plane].sizeimage : m_format.fmt.pix.sizeimage;
    out.strides[plane] = is_mp ? m_format.fmt.pix_mp.plane_fmt[plane].bytesperline : m_format.fmt.pix.bytesperline;
    if (out.sizes[plane] > largest_buffer) {
      return fail(error_code::unsupported,
                  m_node.path() + " answers with buffers of " + std::to_string(out.sizes[plane]) + " bytes");
    }
  }
  return check_raw(out);
}

/// Strides that are missing are filled in; what is left must fit into the buffers that the driver speaks of.
result<void> negotiation::check_raw(capture_format& out) const {
  const auto layout = layout_of(out.format.raw, out.width, out.height, out.strides[0]);
  if (!layout) return {};
  out.strides[0] = layout->planes[0].stride;
  uint64_t needed = 0;
  for (uint32_t plane = 0; plane < layout->plane_count; ++plane) {
    const bool has_own_memory = out.plane_count > 1;
    if (has_own_memory) {
      out.strides[plane] = std::max(out.strides[plane], layout->planes[plane].stride);
      needed = 0;
    }
    needed += uint64_t{has_own_memory ? out.strides[plane] : layout->planes[plane].stride} * layout->planes[plane].rows;
    if (needed <= out.sizes[has_own_memory ? plane : 0]) continue;
    return fail(error_code::unsupported, m_node.path() + " answers with buffers that are too small for " +
                                             std::to_string(out.width) + "x" + std::to_string(out.height) + " " +
                                             fourcc_text(out.format.fourcc));
  }
  return {};
}

double negotiation::set_rate(const capture_format& agreed) const {
  v4l2_streamparm parameters{};
  parameters.type = m_node.buffer_type();
  if (m_node.call(VIDIOC_G_PARM, &parameters) != 0) return 0;
  v4l2_fract& interval = parameters.parm.capture.timeperframe;
  const bool is_settable = (parameters.parm.capture.capability & V4L2_CAP_TIMEPERFRAME) != 0;
  const double wanted = m_request.frame_rate;
  if (wanted > 0 && is_settable) {
    constexpr double denominator = 1000;
    interval.numerator = static_cast<uint32_t>(denominator);
    interval.denominator = static_cast<uint32_t>(std::lround(std::min(wanted, 1000.0) * denominator));
    if (std::abs(wanted - std::round(wanted)) < 1e-6) {
      interval = {1, static_cast<uint32_t>(std::lround(wanted))};
    }
    if (m_node.call(VIDIOC_S_PARM, &parameters) != 0) {
      parameters = {};
      parameters.type = m_node.buffer_type();
      if (m_node.call(VIDIOC_G_PARM, &parameters) != 0) return 0;
    }
  }
  const double got = interval.numerator != 0 ? static_cast<double>(interval.denominator) / interval.numerator : 0;
  if (!(got > 0 && got <= 1000)) return 0;
  if (wanted > 0 && std::abs(got - wanted) > wanted * rate_tolerance) {
    const offered_rates offered = enumerate_rates(m_node, agreed.format.fourcc, agreed.width, agreed.height);
    log_warn(log_module::device, "{}: {} pictures a second are not to be had at {}x{}, taking {} (highest: {})",
             m_node.path(), wanted, agreed.width, agreed.height, got,
             offered.rates.empty() ? got : offered.rates.front());
  }
  return got;
}

}  // namespace

result<capture_format> negotiate(const v4l2_node& node, const capture_request& request) {
  return negotiation(node, request).run();
}

}  // namespace campush
