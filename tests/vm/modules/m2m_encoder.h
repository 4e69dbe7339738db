/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef M2M_ENCODER_H
#define M2M_ENCODER_H

#include <linux/firmware.h>
#include <media/v4l2-ctrls.h>
#include <media/v4l2-device.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>
#include <media/v4l2-mem2mem.h>

#define NAME "m2m_encoder"
#define MOST_HELD 3

struct encoder_device {
	struct v4l2_device v4l2;
	struct video_device node;
	struct v4l2_m2m_dev *m2m;
	struct mutex lock;
};

struct encoder {
	struct v4l2_fh fh;
	struct encoder_device *device;
	struct v4l2_ctrl_handler controls;
	struct v4l2_ctrl *gop;
	u32 raw_format, coded_format, width, height, coded_size;
	struct v4l2_fract interval;
	u32 sequence[2];
	u64 held_times[MOST_HELD];	/* of the pictures that are inside, the oldest first */
	u32 held;
	u32 taken, given;	/* pictures since the start */
	const struct firmware *stream;
	size_t at;		/* of the next access unit in the file */
	u32 in_group;		/* its number since the keyframe */
	bool key_forced;
};

extern bool multiplanar;
extern const struct v4l2_ioctl_ops encoder_ioctl_ops;
extern const struct v4l2_event encoder_end_of_stream;

/* Gives out what is inside, as far as there are buffers for it. */
void encoder_give_held(struct encoder *enc);
/* The formats of a new file. */
void encoder_init_formats(struct encoder *enc);

static inline struct encoder *encoder_of(struct file *file)
{
	return container_of(file->private_data, struct encoder, fh);
}

static inline u32 raw_size(const struct encoder *enc)
{
	return enc->width * enc->height * 3 / 2;
}

#endif
