#pragma once

/// A camera plug-in that keeps to the interface until it is told to lie. Loaded with dlopen like any other; these symbols are for tests.
/// Options of a channel: {"lie":"NAME"} for that channel alone, {"period_ms":5} for the pace, {"fd":1} for a descriptor to poll,
/// {"scattered":1} for pictures in pieces.
extern "C" {
/// The lie of the whole plug-in from now on, "" for none; with a lie all channels count as closed. Those of loading (see lying_hal.cpp) are told by this alone.
using lying_hal_set_function = void (*)(const char* lie);
/// Lets every call go on that a lie has blocked.
using lying_hal_unblock_function = void (*)();
/// How often it was called: "open", "close", "start", "stop", "unit", "release", "keyframe", "codec", "blocked"; "bitrate": the last one asked for.
using lying_hal_count_function = unsigned (*)(const char* what);
}
