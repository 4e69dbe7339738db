#include "fakes/fake_v4l2.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace campush {

namespace {

template <size_t N>
void write_text(uint8_t (&to)[N], const std::string& text) {
  std::memcpy(to, text.data(), std::min(N - 1, text.size()));
}

int answer_sizes(const fake_node& model, v4l2_frmsizeenum& out) {
  for (const auto& offer : model.formats) {
    if (offer.fourcc != out.pixel_format) continue;
    if (offer.range) {
      out.type = V4L2_FRMSIZE_TYPE_STEPWISE;
      out.stepwise = *offer.range;
      return out.index == 0 ? 0 : EINVAL;
    }
    if (out.index >= offer.sizes.size()) return EINVAL;
    out.type = V4L2_FRMSIZE_TYPE_DISCRETE;
    out.discrete = {offer.sizes[out.index].width, offer.sizes[out.index].height};
    return 0;
  }
  return EINVAL;
}

int answer_intervals(const fake_node& model, v4l2_frmivalenum& out) {
  for (const auto& offer : model.formats) {
    if (offer.fourcc != out.pixel_format) continue;
    for (const auto& size : offer.sizes) {
      if (size.width != out.width || size.height != out.height || out.index >= size.intervals.size()) continue;
      out.type = V4L2_FRMIVAL_TYPE_DISCRETE;
      out.discrete = size.intervals[out.index];
      return 0;
    }
  }
  return EINVAL;
}

/// As a driver with one interval list does it: nothing faster than what it has.
int answer_rate(fake_node& model, v4l2_captureparm& capture, bool is_set) {
  if (!model.has_rate) return ENOTTY;
  const auto period = [](const v4l2_fract& of) { return static_cast<double>(of.numerator) / of.denominator; };
  if (is_set && capture.timeperframe.denominator != 0) {
    model.interval = capture.timeperframe;
    for (const auto& offer : model.formats) {
      for (const auto& size : offer.sizes) {
        if (offer.fourcc != model.fourcc || size.width != model.width || size.intervals.empty()) continue;
        if (period(size.intervals.front()) > period(model.interval) + 1e-9) model.interval = size.intervals.front();
      }
    }
  }
  capture.capability = V4L2_CAP_TIMEPERFRAME;
  capture.timeperframe = model.interval;
  return 0;
}

/// What both kinds of formats have.
template <class Format>
void describe_picture(const fake_node& model, Format& to) {
  to = {};
  to.width = model.width;
  to.height = model.height;
  to.pixelformat = model.fourcc;
  to.field = model.field;
  to.colorspace = model.colorspace;
  to.quantization = static_cast<decltype(to.quantization)>(model.quantization);
}

}  // namespace

void fake_v4l2::describe(const fake_node& model, v4l2_format& format) const {
  if (model.is_multiplanar()) {
    v4l2_pix_format_mplane& to = format.fmt.pix_mp;
    describe_picture(model, to);
    to.num_planes = static_cast<uint8_t>(model.plane_count);
    for (uint32_t i = 0; i < 3; ++i) {
      to.plane_fmt[i].sizeimage = model.sizes[i];
      to.plane_fmt[i].bytesperline = model.strides[i];
    }
    return;
  }
  v4l2_pix_format& to = format.fmt.pix;
  describe_picture(model, to);
  to.priv = V4L2_PIX_FMT_PRIV_MAGIC;
  to.sizeimage = model.sizes[0];
  to.bytesperline = model.strides[0];
}

int fake_v4l2::apply_format(fake_node& model, v4l2_format& format, bool is_trial) {
  fake_node after = model;
  const bool is_multiplanar = model.is_multiplanar();
  after.fourcc = is_multiplanar ? format.fmt.pix_mp.pixelformat : format.fmt.pix.pixelformat;
  after.width = is_multiplanar ? format.fmt.pix_mp.width : format.fmt.pix.width;
  after.height = is_multiplanar ? format.fmt.pix_mp.height : format.fmt.pix.height;
  if (model.answered_fourcc != 0) after.fourcc = model.answered_fourcc;
  describe(after, format);
  if (!is_trial) model = after;
  return 0;
}

int fake_v4l2::answer_formats(fake_node& model, unsigned long request, void* argument) {
  switch (request) {
    case VIDIOC_ENUM_FMT: {
      auto& out = *static_cast<v4l2_fmtdesc*>(argument);
      if (!model.can_enumerate) return ENOTTY;
      if (out.type != model.type() || out.index >= model.formats.size()) return EINVAL;
      const auto& offer = model.formats[out.index];
      out.pixelformat = offer.fourcc;
      out.flags = offer.flags;
      write_text(out.description, offer.description);
      return 0;
    }
    case VIDIOC_G_FMT: {
      auto& format = *static_cast<v4l2_format*>(argument);
      if (format.type != model.type()) return EINVAL;
      describe(model, format);
      return 0;
    }
    case VIDIOC_S_FMT: return apply_format(model, *static_cast<v4l2_format*>(argument), false);
    case VIDIOC_TRY_FMT: return apply_format(model, *static_cast<v4l2_format*>(argument), true);
    case VIDIOC_ENUM_FRAMESIZES: return answer_sizes(model, *static_cast<v4l2_frmsizeenum*>(argument));
    case VIDIOC_ENUM_FRAMEINTERVALS: return answer_intervals(model, *static_cast<v4l2_frmivalenum*>(argument));
    case VIDIOC_S_PARM: return answer_rate(model, static_cast<v4l2_streamparm*>(argument)->parm.capture, true);
    case VIDIOC_G_PARM: return answer_rate(model, static_cast<v4l2_streamparm*>(argument)->parm.capture, false);
    default: return ENOTTY;
  }
}

int fake_v4l2::answer_controls(fake_node& model, unsigned long request, void* argument) {
  const auto write = [this, &model](uint32_t id, int32_t value) {
    const auto found = model.controls.find(id);
    if (found == model.controls.end()) return EINVAL;
    if (value < found->second.minimum || value > found->second.maximum) return ERANGE;
    found->second.value = value;
    m_written.emplace_back(id, value);
    return 0;
  };
  switch (request) {
    case VIDIOC_QUERYCTRL: {
      auto& out = *static_cast<v4l2_queryctrl*>(argument);
      const bool wants_next = (out.id & V4L2_CTRL_FLAG_NEXT_CTRL) != 0;
      const uint32_t id = out.id & ~V4L2_CTRL_FLAG_NEXT_CTRL;
      const auto found = wants_next ? model.controls.upper_bound(id) : model.controls.find(id);
      if (found == model.controls.end()) return EINVAL;
      const auto& offer = found->second;
      out = {};
      out.id = found->first;
      out.type = offer.type;
      write_text(out.name, offer.name);
      out.minimum = offer.minimum;
      out.maximum = offer.maximum;
      out.step = offer.step;
      out.flags = offer.flags;
      return 0;
    }
    case VIDIOC_G_CTRL: {
      auto& out = *static_cast<v4l2_control*>(argument);
      const auto found = model.controls.find(out.id);
      if (found == model.controls.end()) return EINVAL;
      out.value = found->second.value;
      return 0;
    }
    case VIDIOC_S_CTRL: {
      const auto& wish = *static_cast<v4l2_control*>(argument);
      return write(wish.id, wish.value);
    }
    default: {
      const auto& batch = *static_cast<v4l2_ext_controls*>(argument);
      if (!model.has_ext_controls) return ENOTTY;
      return write(batch.controls[0].id, batch.controls[0].value);
    }
  }
}

}  // namespace campush
