// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The calls of m2m_encoder: formats, interval, the end of a stream. */

#include "m2m_encoder.h"

#define MIN_SIDE 32U
#define MAX_SIDE 4096U

static const u32 raw_formats[] = { V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420 };
static const u32 coded_formats[] = { V4L2_PIX_FMT_H264, V4L2_PIX_FMT_HEVC };

static int querycap(struct file *file, void *priv, struct v4l2_capability *cap)
{
	strscpy(cap->driver, NAME, sizeof(cap->driver));
	strscpy(cap->card, NAME, sizeof(cap->card));
	strscpy(cap->bus_info, "platform:" NAME, sizeof(cap->bus_info));
	return 0;
}

static int enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	const u32 *formats = V4L2_TYPE_IS_OUTPUT(f->type) ? raw_formats : coded_formats;

	if (f->index >= ARRAY_SIZE(raw_formats) || V4L2_TYPE_IS_MULTIPLANAR(f->type) != multiplanar)
		return -EINVAL;
	f->pixelformat = formats[f->index];
	return 0;
}

static int g_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct encoder *enc = encoder_of(file);
	bool is_raw = V4L2_TYPE_IS_OUTPUT(f->type);
	u32 format = is_raw ? enc->raw_format : enc->coded_format;
	u32 size = is_raw ? raw_size(enc) : enc->coded_size;
	u32 line = is_raw ? enc->width : 0;

	if (V4L2_TYPE_IS_MULTIPLANAR(f->type) != multiplanar)
		return -EINVAL;
	if (multiplanar) {
		struct v4l2_pix_format_mplane *pix = &f->fmt.pix_mp;

		memset(pix, 0, sizeof(*pix));
		pix->width = enc->width;
		pix->height = enc->height;
		pix->pixelformat = format;
		pix->field = V4L2_FIELD_NONE;
		pix->colorspace = V4L2_COLORSPACE_REC709;
		pix->num_planes = 1;
		pix->plane_fmt[0].sizeimage = size;
		pix->plane_fmt[0].bytesperline = line;
	} else {
		struct v4l2_pix_format *pix = &f->fmt.pix;

		pix->width = enc->width;
		pix->height = enc->height;
		pix->pixelformat = format;
		pix->field = V4L2_FIELD_NONE;
		pix->colorspace = V4L2_COLORSPACE_REC709;
		pix->sizeimage = size;
		pix->bytesperline = line;
	}
	return 0;
}

static u32 nearest_format(bool is_raw, u32 wanted)
{
	const u32 *formats = is_raw ? raw_formats : coded_formats;

	return wanted == formats[1] ? formats[1] : formats[0];
}

/* What `f` asks for, put into `enc`. Raw and coded pictures have one size. */
static void take_fmt(struct encoder *enc, const struct v4l2_format *f)
{
	bool is_raw = V4L2_TYPE_IS_OUTPUT(f->type);
	u32 width = multiplanar ? f->fmt.pix_mp.width : f->fmt.pix.width;
	u32 height = multiplanar ? f->fmt.pix_mp.height : f->fmt.pix.height;
	u32 format = multiplanar ? f->fmt.pix_mp.pixelformat : f->fmt.pix.pixelformat;

	enc->width = clamp(width, MIN_SIDE, MAX_SIDE) & ~1U;
	enc->height = clamp(height, MIN_SIDE, MAX_SIDE) & ~1U;
	enc->coded_size = max(raw_size(enc), 65536U);
	if (is_raw)
		enc->raw_format = nearest_format(true, format);
	else
		enc->coded_format = nearest_format(false, format);
}

static int try_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct encoder *enc = encoder_of(file);
	struct encoder saved = *enc;
	int rc;

	if (V4L2_TYPE_IS_MULTIPLANAR(f->type) != multiplanar)
		return -EINVAL;
	take_fmt(enc, f);
	rc = g_fmt(file, priv, f);
	enc->width = saved.width;
	enc->height = saved.height;
	enc->coded_size = saved.coded_size;
	enc->raw_format = saved.raw_format;
	enc->coded_format = saved.coded_format;
	return rc;
}

static int s_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct encoder *enc = encoder_of(file);
	struct vb2_queue *queue = v4l2_m2m_get_vq(enc->fh.m2m_ctx, f->type);

	if (!queue || V4L2_TYPE_IS_MULTIPLANAR(f->type) != multiplanar)
		return -EINVAL;
	if (vb2_is_busy(queue))
		return -EBUSY;
	take_fmt(enc, f);
	return g_fmt(file, priv, f);
}

static int enum_framesizes(struct file *file, void *priv, struct v4l2_frmsizeenum *size)
{
	if (size->index)
		return -EINVAL;
	size->type = V4L2_FRMSIZE_TYPE_STEPWISE;
	size->stepwise = (struct v4l2_frmsize_stepwise){ MIN_SIDE, MAX_SIDE, 2, MIN_SIDE, MAX_SIDE, 2 };
	return 0;
}

static int g_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	if (!V4L2_TYPE_IS_OUTPUT(parm->type))
		return -EINVAL;
	parm->parm.output.capability = V4L2_CAP_TIMEPERFRAME;
	parm->parm.output.timeperframe = encoder_of(file)->interval;
	return 0;
}

static int s_parm(struct file *file, void *priv, struct v4l2_streamparm *parm)
{
	struct v4l2_fract interval = parm->parm.output.timeperframe;

	if (V4L2_TYPE_IS_OUTPUT(parm->type) && interval.numerator && interval.denominator) {
		encoder_of(file)->interval = interval;
		pr_info(NAME ": interval %u/%u\n", interval.numerator, interval.denominator);
	}
	return g_parm(file, priv, parm);
}

static int encoder_cmd(struct file *file, void *priv, struct v4l2_encoder_cmd *command)
{
	struct encoder *enc = encoder_of(file);
	int rc;

	/* Where a raw picture still waits, the last of them brings out what is inside. */
	if (command->cmd == V4L2_ENC_CMD_STOP && !v4l2_m2m_num_src_bufs_ready(enc->fh.m2m_ctx))
		encoder_give_held(enc);
	rc = v4l2_m2m_ioctl_encoder_cmd(file, priv, command);
	if (rc < 0)
		return rc;
	if (command->cmd == V4L2_ENC_CMD_STOP && v4l2_m2m_has_stopped(enc->fh.m2m_ctx))
		v4l2_event_queue_fh(&enc->fh, &encoder_end_of_stream);
	if (command->cmd == V4L2_ENC_CMD_START && v4l2_m2m_has_stopped(enc->fh.m2m_ctx))
		vb2_clear_last_buffer_dequeued(&enc->fh.m2m_ctx->cap_q_ctx.q);
	return 0;
}

static int subscribe_event(struct v4l2_fh *fh, const struct v4l2_event_subscription *sub)
{
	if (sub->type == V4L2_EVENT_EOS)
		return v4l2_event_subscribe(fh, sub, 0, NULL);
	return v4l2_ctrl_subscribe_event(fh, sub);
}

const struct v4l2_ioctl_ops encoder_ioctl_ops = {
	.vidioc_querycap = querycap,
	.vidioc_enum_fmt_vid_cap = enum_fmt,
	.vidioc_enum_fmt_vid_out = enum_fmt,
	.vidioc_g_fmt_vid_cap = g_fmt,
	.vidioc_g_fmt_vid_out = g_fmt,
	.vidioc_try_fmt_vid_cap = try_fmt,
	.vidioc_try_fmt_vid_out = try_fmt,
	.vidioc_s_fmt_vid_cap = s_fmt,
	.vidioc_s_fmt_vid_out = s_fmt,
	.vidioc_g_fmt_vid_cap_mplane = g_fmt,
	.vidioc_g_fmt_vid_out_mplane = g_fmt,
	.vidioc_try_fmt_vid_cap_mplane = try_fmt,
	.vidioc_try_fmt_vid_out_mplane = try_fmt,
	.vidioc_s_fmt_vid_cap_mplane = s_fmt,
	.vidioc_s_fmt_vid_out_mplane = s_fmt,
	.vidioc_enum_framesizes = enum_framesizes,
	.vidioc_g_parm = g_parm,
	.vidioc_s_parm = s_parm,
	.vidioc_reqbufs = v4l2_m2m_ioctl_reqbufs,
	.vidioc_querybuf = v4l2_m2m_ioctl_querybuf,
	.vidioc_qbuf = v4l2_m2m_ioctl_qbuf,
	.vidioc_dqbuf = v4l2_m2m_ioctl_dqbuf,
	.vidioc_prepare_buf = v4l2_m2m_ioctl_prepare_buf,
	.vidioc_create_bufs = v4l2_m2m_ioctl_create_bufs,
	.vidioc_expbuf = v4l2_m2m_ioctl_expbuf,
	.vidioc_streamon = v4l2_m2m_ioctl_streamon,
	.vidioc_streamoff = v4l2_m2m_ioctl_streamoff,
	.vidioc_try_encoder_cmd = v4l2_m2m_ioctl_try_encoder_cmd,
	.vidioc_encoder_cmd = encoder_cmd,
	.vidioc_subscribe_event = subscribe_event,
	.vidioc_unsubscribe_event = v4l2_event_unsubscribe,
};

void encoder_init_formats(struct encoder *enc)
{
	enc->raw_format = raw_formats[0];
	enc->coded_format = coded_formats[0];
	enc->width = 640;
	enc->height = 360;
	enc->coded_size = raw_size(enc);
	enc->interval = (struct v4l2_fract){ 1, 25 };
}
