#!/usr/bin/env python3
"""Camera and encoder at the multi-planar interface, whose buffers have their planes behind a pointer."""

import guest
import raw_camera_test


class agent_on_multiplanar_devices(raw_camera_test.agent_with_an_encoder_of_the_kernel):
    drivers = (raw_camera_test.VIVID + " multiplanar=2,2", "m2m_encoder multiplanar=1")


if __name__ == "__main__":
    guest.main()
