#!/usr/bin/env python3
"""Carries the RTMP settings of the single-camera firmware over into campush's system_config.json.

Reads net_service.json and, when they lie beside it, venc.json (encoders) and vi.json (sensors). What an existing
system_config.json says about other things stays as it is.

  migrate_rtmp_config.py --old net_service.json --new system_config.json [--dry-run]

Exit status: 0 done, or nothing to do; 2 bad input or bad usage, with one line on stderr and no file touched.
"""

import argparse
import copy
import difflib
import json
import os
import re
import stat
import sys
import tempfile

SCHEMES = ("rtmp", "rtmps", "rtmpt", "rtmpe", "rtmpte", "rtmpts")
ENCODER_TYPES = tuple(f"{codec}_{control}" for codec in ("H264", "H265") for control in ("CBR", "VBR", "AVBR"))
# The firmware's own default wrote the bare codec name and meant a constant rate.
ENCODER_ALIASES = {"H264": "H264_CBR", "H265": "H265_CBR"}
# Old key, new key, smallest and largest value.
ENCODER_NUMBERS = (("w", "width", 16, 16384), ("h", "height", 16, 16384), ("fr", "framerate", 1, 240),
                   ("bitrate", "bitrate", 16, 200000))
STREAM_NAMES = ("main", "sub")
# What a template can say of the two streams of one camera.
TEMPLATE_TOKENS = {STREAM_NAMES: "{stream_name}", ("0", "1"): "{stream_id}"}
DEFAULT_MAX_CAMERAS = 4
MAX_FILE_BYTES = 1 << 20


class BadInput(Exception):
    """One line for the user: what was found, where, and what is allowed."""


def found(value):
    """The value as it stands in the file, cut short. URLs are never shown: they hold keys."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


def refuse_duplicates(pairs):
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise BadInput(f'the key "{key}" stands twice in one object')
        keys.add(key)
    return dict(pairs)


def read_json(path):
    """The object in a JSON file, or None if there is no such file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as failure:
        raise BadInput(f"{path}: {failure.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{path}: over {MAX_FILE_BYTES} bytes, too big for a configuration")
    try:
        root = json.loads(data.decode("utf-8-sig"), object_pairs_hook=refuse_duplicates)
    except UnicodeDecodeError as failure:
        raise BadInput(f"{path}: not UTF-8 text (byte {failure.start})") from None
    except json.JSONDecodeError as failure:
        raise BadInput(f"{path}:{failure.lineno}:{failure.colno}: not JSON: {failure.msg}") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply") from None
    except BadInput as failure:
        raise BadInput(f"{path}: {failure}") from None
    if not isinstance(root, dict):
        raise BadInput(f"{path}: found {found(root)}, allowed: a JSON object")
    return root


def read_enable(path, rtmp):
    value = rtmp.get("enable", 1)
    if value not in (0, 1, True, False):
        raise BadInput(f"{path}: rtmp.enable: found {found(value)}, allowed: 0 or 1")
    return bool(value)


def read_url(path, rtmp, key):
    """The URL byte for byte, or None where it is missing or empty."""
    value = rtmp.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadInput(f"{path}: rtmp.{key}: found {found(value)}, allowed: a URL as text")
    match = re.match(r"^([a-z]+)://[^/\s]+/[^\s]*[^/\s]$", value)
    if not match or match.group(1) not in SCHEMES or any(ord(char) < 0x21 or ord(char) == 0x7f for char in value):
        raise BadInput(f"{path}: rtmp.{key}: not a publish address; allowed: SCHEME://host[:port]/app/key without "
                       f"spaces, SCHEME one of {', '.join(SCHEMES)}")
    return value


def read_net_service(path):
    """(is_enabled, [main_url, sub_url]) from either old form."""
    root = read_json(path)
    if root is None:
        raise BadInput(f"{path}: no such file")
    services = root.get("net_service", root)
    if not isinstance(services, dict):
        raise BadInput(f"{path}: net_service: found {found(services)}, allowed: an object")
    rtmp = services.get("rtmp")
    if rtmp is None and ("main_url" in services or "sub_url" in services):
        rtmp = services
    if not isinstance(rtmp, dict):
        raise BadInput(f'{path}: no "rtmp" object here or under "net_service"')
    is_enabled = read_enable(path, rtmp)
    urls = [read_url(path, rtmp, "main_url"), read_url(path, rtmp, "sub_url")]
    if is_enabled and not any(urls):
        raise BadInput(f"{path}: rtmp is enabled but has neither main_url nor sub_url")
    return is_enabled, urls


def read_numbered(path, prefix):
    """The objects prefix1, prefix2 … of a file in order; an empty list if there is no file."""
    root = read_json(path)
    if root is None:
        return []
    entries = []
    while (entry := root.get(f"{prefix}{len(entries) + 1}")) is not None:
        if not isinstance(entry, dict):
            raise BadInput(f"{path}: {prefix}{len(entries) + 1}: found {found(entry)}, allowed: an object")
        entries.append(entry)
    if not entries:
        raise BadInput(f'{path}: no "{prefix}1" in it')
    return entries


def read_encoders(path):
    """venc.json as campush's `encoder` objects."""
    encoders = []
    for number, entry in enumerate(read_numbered(path, "venc"), 1):
        name = entry.get("name")
        name = ENCODER_ALIASES.get(name, name) if isinstance(name, str) else name
        if name not in ENCODER_TYPES:
            raise BadInput(f"{path}: venc{number}.name: found {found(name)}, allowed: {', '.join(ENCODER_TYPES)}")
        encoder = {"type": name}
        for old_key, new_key, lowest, highest in ENCODER_NUMBERS:
            if old_key not in entry:
                continue
            value = entry[old_key]
            if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
                raise BadInput(f"{path}: venc{number}.{old_key}: found {found(value)}, allowed: a whole number from "
                               f"{lowest} to {highest}")
            encoder[new_key] = value
        encoders.append(encoder)
    return encoders


def read_sensors(path):
    """vi.json as a list of sensor names."""
    sensors = []
    for number, entry in enumerate(read_numbered(path, "sensor"), 1):
        name = entry.get("name")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,31}", name):
            raise BadInput(f"{path}: sensor{number}.name: found {found(name)}, allowed: up to 31 letters, digits, _ . -")
        sensors.append(name)
    return sensors


def escape_braces(text):
    """Addresses are templates in system_config.json: literal braces are doubled there."""
    return text.replace("{", "{{").replace("}", "}}")


def common_length(left, right):
    length = 0
    for one, other in zip(left, right):
        if one != other:
            break
        length += 1
    return length


def template_word(main, sub):
    """The template text for two words that differ, or None if no variable makes the difference."""
    if main == sub:
        return escape_braces(main)
    head = common_length(main, sub)
    tail = common_length(main[head:][::-1], sub[head:][::-1])
    pair = (main[head:len(main) - tail], sub[head:len(sub) - tail])
    variable = TEMPLATE_TOKENS.get(pair)
    return None if variable is None else main[:head] + variable + main[len(main) - tail:]


def make_template(main_url, sub_url):
    """One url_template for both addresses, or None where they differ in more than a template can express."""
    if not main_url or not sub_url or main_url == sub_url:
        return None
    main_words, sub_words = (re.split(r"([A-Za-z0-9]+)", url) for url in (main_url, sub_url))
    if len(main_words) != len(sub_words):
        return None
    words = [template_word(main, sub) for main, sub in zip(main_words, sub_words)]
    return None if None in words else "".join(words)


def find_by_id(items, key, value):
    """The object of a list whose `key` is `value`, or None."""
    return next((item for item in items if isinstance(item, dict) and item.get(key) == value), None)


def by_id(items, key, value):
    """The same, made and appended if it is not there."""
    item = find_by_id(items, key, value)
    if item is None:
        item = {key: value}
        items.append(item)
    return item


def section(path, parent, key, kind):
    """parent[key], made if missing; refused when it is something else than expected."""
    value = parent.setdefault(key, kind())
    if not isinstance(value, kind):
        raise BadInput(f"{path}: {key}: found {found(value)}, allowed: {'an object' if kind is dict else 'a list'}")
    return value


def own_destination(path, stream):
    """The one destination of a stream that this tool writes: its rtmp object, or `default` of a list of them."""
    if not isinstance(stream.get("rtmp"), list):
        return section(path, stream, "rtmp", dict)
    for entry in stream["rtmp"]:
        if isinstance(entry, dict) and entry.get("name", "default") == "default":
            return entry
    stream["rtmp"].insert(0, {"name": "default"})
    return stream["rtmp"][0]


def set_destination(path, stream, old, url):
    """Says where a stream goes: by the template above it, by a template of its own, or by a static list."""
    if old["template"] and old["is_template_shared"]:
        if "rtmp" not in stream:
            return
        destination = own_destination(path, stream)
        destination.pop("urls", None)
        destination.pop("url_template", None)
        if not destination:
            del stream["rtmp"]
    elif old["template"]:
        destination = own_destination(path, stream)
        destination.pop("urls", None)
        destination["url_template"] = old["template"]
    elif url:
        own_destination(path, stream)["urls"] = [escape_braces(url)]


def fill_stream(path, streams, camera_id, stream_id, old):
    """Name, encoder and address of one stream. A sub stream that no old file mentions is not made."""
    index = camera_id + stream_id * old["camera_count"]
    encoder = old["encoders"][index] if index < len(old["encoders"]) else None
    url = old["urls"][stream_id] if camera_id == 0 else None
    is_made_here = find_by_id(streams, "stream_id", stream_id) is None
    if stream_id > 0 and is_made_here and not encoder and not url:
        return
    stream = by_id(streams, "stream_id", stream_id)
    stream.setdefault("name", STREAM_NAMES[stream_id])
    if encoder:
        section(path, stream, "encoder", dict).update(encoder)
    if url:
        set_destination(path, stream, old, url)
    elif is_made_here:
        # The firmware pushed only what net_service.json named; a template above must not make others push.
        stream["rtmp"] = {"enabled": False}


def fill_camera(path, camera, camera_id, old):
    """Source and streams of one camera."""
    source = section(path, camera, "source", dict)
    source.setdefault("type", "vendor")
    if camera_id < len(old["sensors"]) and source["type"] == "vendor":
        source["device"] = old["sensors"][camera_id]
    streams = section(path, camera, "streams", list)
    for stream_id in range(len(STREAM_NAMES)):
        fill_stream(path, streams, camera_id, stream_id, old)


def merge(path, config, old):
    """The new system_config.json: `config` with what the old files say."""
    config = copy.deepcopy(config)
    rtmp = section(path, config, "rtmp", dict)
    rtmp["enabled"] = old["is_enabled"]
    cameras = section(path, config, "cameras", list)
    others = [camera for camera in cameras if isinstance(camera, dict) and camera.get("camera_id") != 0]
    old["is_template_shared"] = not others and old["camera_count"] == 1
    if old["template"] and old["is_template_shared"]:
        rtmp["url_template"] = old["template"]
    if old["camera_count"] > DEFAULT_MAX_CAMERAS:
        system = section(path, config, "system", dict)
        system["max_cameras"] = max(system.get("max_cameras", 0), old["camera_count"])
    for camera_id in range(old["camera_count"]):
        fill_camera(path, by_id(cameras, "camera_id", camera_id), camera_id, old)
    return config


def read_old(path):
    """Everything the old files say, as one dictionary."""
    is_enabled, urls = read_net_service(path)
    folder = os.path.dirname(path)
    sensors = read_sensors(os.path.join(folder, "vi.json"))
    encoders = read_encoders(os.path.join(folder, "venc.json"))
    return {"is_enabled": is_enabled, "urls": urls, "sensors": sensors, "encoders": encoders,
            "template": make_template(*urls), "camera_count": max(1, len(sensors))}


def keeps_names(config):
    """Whether an existing file leaves the first camera's streams the names that a template would be given."""
    cameras = config.get("cameras")
    camera = find_by_id(cameras, "camera_id", 0) if isinstance(cameras, list) else None
    streams = (camera or {}).get("streams")
    for stream_id, name in enumerate(STREAM_NAMES):
        stream = find_by_id(streams, "stream_id", stream_id) if isinstance(streams, list) else None
        if stream and stream.get("name", name) != name:
            return False
    return True


def to_text(config):
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def write_atomically(path, text):
    """Replaces the file in one step: a reader, or a power cut, sees the old or the new one, never half of it."""
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(prefix=".migrate-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            before = os.stat(path)
            os.chmod(temporary, stat.S_IMODE(before.st_mode))
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(temporary, before.st_uid, before.st_gid)
        else:
            # The addresses hold stream keys: nobody else has to read them.
            os.chmod(temporary, 0o640)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    folder_handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(folder_handle)
    finally:
        os.close(folder_handle)


def migrate(arguments):
    new_path = os.path.realpath(arguments.new)
    old = read_old(arguments.old)
    config = read_json(new_path)
    if old["template"] and not keeps_names(config or {}):
        old["template"] = None
    merged = merge(arguments.new, config or {}, old)
    if config == merged:
        print(f"{arguments.new}: nothing to change")
        return
    before = "" if config is None else open(new_path, encoding="utf-8-sig").read()
    after = to_text(merged)
    if arguments.dry_run:
        sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), after.splitlines(True),
                                                   arguments.new, f"{arguments.new} (new)"))
        return
    if config is not None:
        write_atomically(new_path + ".bak", before)
        os.chmod(new_path + ".bak", stat.S_IMODE(os.stat(new_path).st_mode))
    write_atomically(new_path, after)
    how = "one url_template for main and sub" if old["template"] else "static urls"
    backup = f", the file as it was is {arguments.new}.bak" if config is not None else ""
    print(f"{arguments.new}: written ({how}){backup}")
    print(f"next: campush check --config {arguments.new}")


def main():
    parser = argparse.ArgumentParser(
        description="Carries RTMP settings of the single-camera firmware into campush's system_config.json.",
        epilog="venc.json (encoders) and vi.json (sensors) are read too when they lie beside the old file: venc1 is the "
               "main encoder of the first sensor; encoders beyond the number of sensors belong to the sub streams. Keys "
               "that this tool does not own stay as they are; the file as it was before is kept as FILE.bak. Running it "
               "twice changes nothing.")
    parser.add_argument("--old", required=True, metavar="FILE", help="net_service.json of the old firmware")
    parser.add_argument("--new", required=True, metavar="FILE", help="system_config.json to write or merge into")
    parser.add_argument("--dry-run", action="store_true", help="print what would change as a diff, write nothing")
    arguments = parser.parse_args()
    try:
        migrate(arguments)
    except BadInput as failure:
        print(f"{parser.prog}: {failure}", file=sys.stderr)
        return 2
    except OSError as failure:
        print(f"{parser.prog}: {failure.filename or arguments.new}: {failure.strerror}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
