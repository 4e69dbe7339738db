#pragma once

#include <string>
#include <vector>

#include "device/device_report.h"
#include "device/v4l2/video_device_calls.h"

namespace campush {

/// The parts of list_cameras(), on a driver and folders of one's own choice.

/// Paths of the nodes video0, video1 … in a folder, by number.
std::vector<std::string> video_nodes(const std::string& folder);
/// The name in a folder of links that leads to the node; empty: none.
std::string link_to(const std::string& node, const std::string& folder);
/// Cameras and encoders among the nodes; what else they are (metadata of a camera, say) is left out, what cannot be opened stays with its
/// error.
std::vector<camera_report> describe_cameras(const std::vector<std::string>& nodes, const std::string& link_folder,
                                            video_device_calls& calls);

}  // namespace campush
