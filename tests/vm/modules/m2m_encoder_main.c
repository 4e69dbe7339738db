// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * A memory-to-memory H.264 and H.265 encoder for tests: the kernel's stateful encoder interface in front of a file. Each raw picture
 * that goes in brings the next access unit of the firmware file m2m_encoder.h264 or m2m_encoder.h265 out (the format of
 * access_unit_file.h; one keyframe, then pictures that refer back), from the start again at the end of a group, at the end of the
 * file, and when a keyframe is forced. Times are copied. With the parameter `delay` so many pictures stay inside, as in an encoder that
 * works on several at once, until it is told to stop. What is set by a control, and at the end how many pictures went in and came out, is
 * told to the kernel log, for tests to read.
 */

#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <asm/unaligned.h>
#include <media/videobuf2-vmalloc.h>

#include "m2m_encoder.h"

MODULE_DESCRIPTION("Encoder of prepared streams, for tests");
MODULE_LICENSE("GPL");

bool multiplanar;
module_param(multiplanar, bool, 0444);
MODULE_PARM_DESC(multiplanar, " the multi-planar API (one plane)");

static uint delay;
module_param(delay, uint, 0444);
MODULE_PARM_DESC(delay, " pictures that stay inside (at most 2)");

const struct v4l2_event encoder_end_of_stream = { .type = V4L2_EVENT_EOS };

static struct encoder *encoder_of_queue(struct vb2_queue *queue)
{
	return vb2_get_drv_priv(queue);
}

/* The next access unit, or NULL if the file ends in the middle of one. */
static const u8 *next_unit(struct encoder *enc, u32 *size, bool *is_key)
{
	const struct firmware *stream = enc->stream;

	if (enc->key_forced || enc->in_group >= enc->gop->cur.val || enc->at >= stream->size) {
		enc->at = 0;
		enc->in_group = 0;
		enc->key_forced = false;
	}
	if (stream->size - enc->at < 4)
		return NULL;
	*size = get_unaligned_be32(stream->data + enc->at);
	if (*size > stream->size - enc->at - 4)
		return NULL;
	*is_key = enc->in_group++ == 0;
	enc->at += 4 + *size;
	return stream->data + enc->at - *size;
}

/* Into the buffer goes the access unit of the oldest picture inside. */
static void give(struct encoder *enc, struct vb2_v4l2_buffer *coded, bool is_last)
{
	bool is_key = false;
	u32 size = 0;
	const u8 *unit = next_unit(enc, &size, &is_key);
	bool fits = unit && size <= vb2_plane_size(&coded->vb2_buf, 0);

	coded->vb2_buf.timestamp = enc->held_times[0];
	memmove(enc->held_times, enc->held_times + 1, --enc->held * sizeof(enc->held_times[0]));
	coded->field = V4L2_FIELD_NONE;
	coded->flags &= ~(V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_LAST);
	coded->flags |= is_last ? V4L2_BUF_FLAG_LAST : 0;
	coded->sequence = enc->sequence[1]++;
	if (fits) {
		memcpy(vb2_plane_vaddr(&coded->vb2_buf, 0), unit, size);
		vb2_set_plane_payload(&coded->vb2_buf, 0, size);
		coded->flags |= is_key ? V4L2_BUF_FLAG_KEYFRAME : V4L2_BUF_FLAG_PFRAME;
		enc->given++;
	}
	v4l2_m2m_buf_done(coded, fits ? VB2_BUF_STATE_DONE : VB2_BUF_STATE_ERROR);
}

void encoder_give_held(struct encoder *enc)
{
	while (enc->held && v4l2_m2m_num_dst_bufs_ready(enc->fh.m2m_ctx))
		give(enc, v4l2_m2m_dst_buf_remove(enc->fh.m2m_ctx), false);
}

static void device_run(void *priv)
{
	struct encoder *enc = priv;
	struct vb2_v4l2_buffer *raw = v4l2_m2m_src_buf_remove(enc->fh.m2m_ctx);
	bool is_last = v4l2_m2m_is_last_draining_src_buf(enc->fh.m2m_ctx, raw);

	enc->held_times[enc->held++] = raw->vb2_buf.timestamp;
	enc->taken++;
	raw->sequence = enc->sequence[0]++;
	v4l2_m2m_buf_done(raw, VB2_BUF_STATE_DONE);
	while (is_last && enc->held > 1 && v4l2_m2m_num_dst_bufs_ready(enc->fh.m2m_ctx) > 1)
		give(enc, v4l2_m2m_dst_buf_remove(enc->fh.m2m_ctx), false);
	if (is_last || enc->held > min(delay, MOST_HELD - 1U))
		give(enc, v4l2_m2m_dst_buf_remove(enc->fh.m2m_ctx), is_last);
	if (is_last) {
		v4l2_event_queue_fh(&enc->fh, &encoder_end_of_stream);
		v4l2_m2m_mark_stopped(enc->fh.m2m_ctx);
	}
	v4l2_m2m_job_finish(enc->device->m2m, enc->fh.m2m_ctx);
}

static const struct v4l2_m2m_ops m2m_ops = { .device_run = device_run };

/* Queues */

static int queue_setup(struct vb2_queue *queue, unsigned int *buffers, unsigned int *planes, unsigned int sizes[],
		       struct device *allocators[])
{
	struct encoder *enc = encoder_of_queue(queue);
	unsigned int size = V4L2_TYPE_IS_OUTPUT(queue->type) ? raw_size(enc) : enc->coded_size;

	if (*planes)
		return sizes[0] < size ? -EINVAL : 0;
	*planes = 1;
	sizes[0] = size;
	return 0;
}

static int buf_out_validate(struct vb2_buffer *buffer)
{
	to_vb2_v4l2_buffer(buffer)->field = V4L2_FIELD_NONE;
	return 0;
}

static void buf_queue(struct vb2_buffer *buffer)
{
	struct encoder *enc = encoder_of_queue(buffer->vb2_queue);
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(buffer);

	/* The drain ended before there was a buffer for its last, empty one. */
	if (V4L2_TYPE_IS_CAPTURE(buffer->vb2_queue->type) && vb2_is_streaming(buffer->vb2_queue) &&
	    v4l2_m2m_dst_buf_is_last(enc->fh.m2m_ctx)) {
		vb2_set_plane_payload(buffer, 0, 0);
		vbuf->field = V4L2_FIELD_NONE;
		vbuf->sequence = enc->sequence[1]++;
		v4l2_m2m_last_buffer_done(enc->fh.m2m_ctx, vbuf);
		v4l2_event_queue_fh(&enc->fh, &encoder_end_of_stream);
		return;
	}
	v4l2_m2m_buf_queue(enc->fh.m2m_ctx, vbuf);
}

static void return_buffers(struct vb2_queue *queue, enum vb2_buffer_state state)
{
	struct encoder *enc = encoder_of_queue(queue);
	struct vb2_v4l2_buffer *buffer;

	for (;;) {
		buffer = V4L2_TYPE_IS_OUTPUT(queue->type) ? v4l2_m2m_src_buf_remove(enc->fh.m2m_ctx) :
							    v4l2_m2m_dst_buf_remove(enc->fh.m2m_ctx);
		if (!buffer)
			return;
		v4l2_m2m_buf_done(buffer, state);
	}
}

static int start_streaming(struct vb2_queue *queue, unsigned int count)
{
	struct encoder *enc = encoder_of_queue(queue);
	bool is_raw = V4L2_TYPE_IS_OUTPUT(queue->type);
	const char *name = enc->coded_format == V4L2_PIX_FMT_HEVC ? NAME ".h265" : NAME ".h264";
	int rc;

	v4l2_m2m_update_start_streaming_state(enc->fh.m2m_ctx, queue);
	enc->sequence[is_raw ? 0 : 1] = 0;
	if (is_raw)
		return 0;
	rc = request_firmware(&enc->stream, name, enc->device->v4l2.dev);
	if (rc) {
		return_buffers(queue, VB2_BUF_STATE_QUEUED);
		return rc;
	}
	enc->at = 0;
	enc->in_group = 0;
	enc->held = 0;
	enc->taken = 0;
	enc->given = 0;
	pr_info(NAME ": starts %ux%u %p4cc\n", enc->width, enc->height, &enc->coded_format);
	return 0;
}

static void stop_streaming(struct vb2_queue *queue)
{
	struct encoder *enc = encoder_of_queue(queue);

	return_buffers(queue, VB2_BUF_STATE_ERROR);
	v4l2_m2m_update_stop_streaming_state(enc->fh.m2m_ctx, queue);
	if (V4L2_TYPE_IS_OUTPUT(queue->type)) {
		if (v4l2_m2m_has_stopped(enc->fh.m2m_ctx))
			v4l2_event_queue_fh(&enc->fh, &encoder_end_of_stream);
		return;
	}
	pr_info(NAME ": ends, %u in, %u out\n", enc->taken, enc->given);
	release_firmware(enc->stream);
	enc->stream = NULL;
}

static const struct vb2_ops queue_ops = {
	.queue_setup = queue_setup,
	.buf_out_validate = buf_out_validate,
	.buf_queue = buf_queue,
	.start_streaming = start_streaming,
	.stop_streaming = stop_streaming,
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
};

static int init_queue(struct encoder *enc, struct vb2_queue *queue, enum v4l2_buf_type type)
{
	queue->type = type;
	queue->io_modes = VB2_MMAP | VB2_USERPTR | VB2_DMABUF;
	queue->drv_priv = enc;
	queue->buf_struct_size = sizeof(struct v4l2_m2m_buffer);
	queue->ops = &queue_ops;
	queue->mem_ops = &vb2_vmalloc_memops;
	queue->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	queue->lock = &enc->device->lock;
	return vb2_queue_init(queue);
}

static int queue_init(void *priv, struct vb2_queue *raw, struct vb2_queue *coded)
{
	int rc = init_queue(priv, raw, multiplanar ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT);

	if (rc)
		return rc;
	return init_queue(priv, coded, multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE);
}

/* Controls */

static int s_ctrl(struct v4l2_ctrl *control)
{
	struct encoder *enc = container_of(control->handler, struct encoder, controls);

	if (control->id == V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME) {
		enc->key_forced = true;
		pr_info(NAME ": keyframe forced\n");
	} else if (enc->fh.m2m_ctx) {
		pr_info(NAME ": %s = %d\n", control->name, control->val);
	}
	return 0;
}

static const struct v4l2_ctrl_ops ctrl_ops = { .s_ctrl = s_ctrl };

static void init_controls(struct encoder *enc)
{
	struct v4l2_ctrl_handler *all = &enc->controls;

	v4l2_ctrl_handler_init(all, 9);
	enc->gop = v4l2_ctrl_new_std(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 1, 600, 1, 50);
	v4l2_ctrl_new_std(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_BITRATE, 25000, 25000000, 1, 1000000);
	v4l2_ctrl_new_std(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 0, 1, 1, 0);
	v4l2_ctrl_new_std(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 0, 0, 0, 0);
	v4l2_ctrl_new_std(all, &ctrl_ops, V4L2_CID_MIN_BUFFERS_FOR_OUTPUT, 1, 1, 1, 1);
	v4l2_ctrl_new_std_menu(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_CBR, 0,
			       V4L2_MPEG_VIDEO_BITRATE_MODE_VBR);
	v4l2_ctrl_new_std_menu(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_HIGH, 0,
			       V4L2_MPEG_VIDEO_H264_PROFILE_HIGH);
	v4l2_ctrl_new_std_menu(all, &ctrl_ops, V4L2_CID_MPEG_VIDEO_H264_LEVEL, V4L2_MPEG_VIDEO_H264_LEVEL_5_1, 0,
			       V4L2_MPEG_VIDEO_H264_LEVEL_4_0);
}

/* Files and the device */

static int encoder_open(struct file *file)
{
	struct encoder_device *device = video_drvdata(file);
	struct encoder *enc = kzalloc(sizeof(*enc), GFP_KERNEL);
	int rc;

	if (!enc)
		return -ENOMEM;
	enc->device = device;
	encoder_init_formats(enc);
	v4l2_fh_init(&enc->fh, &device->node);
	file->private_data = &enc->fh;
	init_controls(enc);
	rc = enc->controls.error;
	if (!rc) {
		enc->fh.ctrl_handler = &enc->controls;
		enc->fh.m2m_ctx = v4l2_m2m_ctx_init(device->m2m, enc, queue_init);
		rc = PTR_ERR_OR_ZERO(enc->fh.m2m_ctx);
	}
	if (rc) {
		v4l2_ctrl_handler_free(&enc->controls);
		v4l2_fh_exit(&enc->fh);
		kfree(enc);
		return rc;
	}
	v4l2_fh_add(&enc->fh);
	return 0;
}

static int encoder_release(struct file *file)
{
	struct encoder *enc = encoder_of(file);

	mutex_lock(&enc->device->lock);
	v4l2_m2m_ctx_release(enc->fh.m2m_ctx);
	mutex_unlock(&enc->device->lock);
	v4l2_fh_del(&enc->fh);
	v4l2_fh_exit(&enc->fh);
	v4l2_ctrl_handler_free(&enc->controls);
	kfree(enc);
	return 0;
}

static const struct v4l2_file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = encoder_open,
	.release = encoder_release,
	.poll = v4l2_m2m_fop_poll,
	.unlocked_ioctl = video_ioctl2,
	.mmap = v4l2_m2m_fop_mmap,
};

static struct encoder_device the_device;
static struct platform_device *platform;

static int __init encoder_init(void)
{
	struct video_device *node = &the_device.node;
	int rc;

	platform = platform_device_register_simple(NAME, -1, NULL, 0);
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	mutex_init(&the_device.lock);
	strscpy(the_device.v4l2.name, NAME, sizeof(the_device.v4l2.name));
	rc = v4l2_device_register(&platform->dev, &the_device.v4l2);
	if (rc)
		goto no_device;
	the_device.m2m = v4l2_m2m_init(&m2m_ops);
	rc = PTR_ERR_OR_ZERO(the_device.m2m);
	if (rc)
		goto no_m2m;
	strscpy(node->name, NAME, sizeof(node->name));
	node->vfl_dir = VFL_DIR_M2M;
	node->fops = &file_ops;
	node->ioctl_ops = &encoder_ioctl_ops;
	node->release = video_device_release_empty;
	node->lock = &the_device.lock;
	node->v4l2_dev = &the_device.v4l2;
	node->device_caps = V4L2_CAP_STREAMING | (multiplanar ? V4L2_CAP_VIDEO_M2M_MPLANE : V4L2_CAP_VIDEO_M2M);
	video_set_drvdata(node, &the_device);
	rc = video_register_device(node, VFL_TYPE_VIDEO, -1);
	if (!rc)
		return 0;
	v4l2_m2m_release(the_device.m2m);
no_m2m:
	v4l2_device_unregister(&the_device.v4l2);
no_device:
	platform_device_unregister(platform);
	return rc;
}

static void __exit encoder_exit(void)
{
	video_unregister_device(&the_device.node);
	v4l2_m2m_release(the_device.m2m);
	v4l2_device_unregister(&the_device.v4l2);
	platform_device_unregister(platform);
}

module_init(encoder_init);
module_exit(encoder_exit);
