#!/usr/bin/env python3
"""Carries the RTMP settings of the single-camera firmware over into campush's system_config.json."""

import argparse
import copy
import difflib
import ipaddress
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
# A stream that the firmware did not push: a template above it must not make it push.
NOT_PUSHED = {"enabled": False}
# What a template can say of the two streams of one camera.
TEMPLATE_TOKENS = {STREAM_NAMES: "{stream_name}", ("0", "1"): "{stream_id}"}
DEFAULT_MAX_CAMERAS = 4
MAX_FILE_BYTES = 1 << 20
MAX_ADDRESS = 2048


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


def refuse_constant(name):
    raise BadInput(f"{name} is not JSON")


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
        root = json.loads(data.decode("utf-8-sig"), object_pairs_hook=refuse_duplicates, parse_constant=refuse_constant)
    except UnicodeDecodeError as failure:
        raise BadInput(f"{path}: not UTF-8 text (byte {failure.start})") from None
    except json.JSONDecodeError as failure:
        raise BadInput(f"{path}:{failure.lineno}:{failure.colno}: not JSON: {failure.msg}") from None
    except RecursionError:
        raise BadInput(f"{path}: nested too deeply") from None
    except BadInput as failure:
        raise BadInput(f"{path}: {failure}") from None
    except ValueError:
        raise BadInput(f"{path}: not JSON: a number of thousands of digits") from None
    if not isinstance(root, dict):
        raise BadInput(f"{path}: found {found(root)}, allowed: a JSON object")
    return root


def read_enable(path, rtmp):
    value = rtmp.get("enable", 1)
    if value not in (0, 1, True, False):
        raise BadInput(f"{path}: rtmp.enable: found {found(value)}, allowed: 0 or 1")
    return bool(value)


def is_place(place):
    """host[:port]; the host a name, a number, or an IPv6 address in brackets."""
    match = re.fullmatch(r"(?:\[([^\]]*)\]|([A-Za-z0-9._\u0080-\U0010ffff-]{1,253}))(?::([0-9]+))?", place)
    if not match or (match[3] is not None and not 1 <= int(match[3][:9]) <= 65535):
        return False
    try:
        return match[1] is None or bool(ipaddress.IPv6Address(match[1]))
    except ValueError:
        return False


def has_app_and_key(path):
    """The key is the last part before the query; one part with a query is an app, and the key follows the query."""
    head, mark, query = path.partition("?")
    if "/" not in head and mark:
        head, query = f"{head}?{query.partition('?')[0]}", query.partition("?")[2]
        if "/" not in head.partition("?")[2]:
            return False
    app, _, key = head.rpartition("/")
    return bool(key) and bool(app) and app[0] not in "/?"


def is_publish_address(url):
    """Whether campush takes it (its rules stand in src/rtmp/stream_url.h)."""
    match = re.fullmatch(r"([A-Za-z]+)://([^/]*)/([^\x00-\x20\x7f\ud800-\udfff]*)", url)
    if not match or match[1].lower() not in SCHEMES or len(escape_braces(url).encode("utf-8", "replace")) > MAX_ADDRESS:
        return False
    login, at, place = match[2].rpartition("@")
    has_user = re.fullmatch(r"[^:\x00-\x20\x7f\ud800-\udfff][^\x00-\x20\x7f\ud800-\udfff]*", login)
    return bool(has_user or not at) and is_place(place) and has_app_and_key(match[3])


def read_url(path, rtmp, key):
    """The URL byte for byte, or None where it is missing or empty."""
    value = rtmp.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadInput(f"{path}: rtmp.{key}: found {found(value)}, allowed: a URL as text")
    if not is_publish_address(value):
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
    if is_enabled and urls[0] == urls[1]:
        raise BadInput(f"{path}: rtmp.main_url and rtmp.sub_url are the same address, which takes one stream only")
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
    return len(os.path.commonprefix([left, right]))


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


def list_of(owner, key):
    value = owner.get(key)
    return value if isinstance(value, list) else []


def find_by_id(items, key, value):
    """The object of a list whose `key` is `value`, or None. Without the key its place in the list is its number."""
    return next((item for place, item in enumerate(items)
                 if isinstance(item, dict) and item.get(key, place) == value), None)


def by_id(items, key, value):
    """The same, made and appended if it is not there."""
    if find_by_id(items, key, value) is None:
        items.append({key: value})
    return find_by_id(items, key, value)


def section(path, parent, key, kind):
    """parent[key], made if missing; refused when it is something else than expected."""
    value = parent.setdefault(key, kind())
    if not isinstance(value, kind):
        raise BadInput(f"{path}: {key}: found {found(value)}, allowed: {'an object' if kind is dict else 'a list'}")
    return value


def rtmp_holder(owner):
    """The object whose key `rtmp` counts: `outputs` in the older form, else `owner` itself."""
    outputs = owner.get("outputs")
    return outputs if isinstance(outputs, dict) and "rtmp" in outputs else owner


def own_destination(path, stream):
    """The one destination of a stream that this tool writes: its rtmp object, or `default` of a list of them."""
    holder = rtmp_holder(stream)
    if not isinstance(holder.get("rtmp"), list):
        return section(path, holder, "rtmp", dict)
    for entry in holder["rtmp"]:
        if isinstance(entry, dict) and entry.get("name", "default") == "default":
            return entry
    holder["rtmp"].insert(0, {"name": "default"})
    return holder["rtmp"][0]


def address_of(entry):
    """What an entry of `urls` amounts to."""
    if not isinstance(entry, dict):
        return entry
    url, key = entry.get("url"), entry.get("stream_key")
    return f"{url.rstrip('/')}/{key}" if isinstance(url, str) and isinstance(key, str) else url


def set_destination(path, stream, old, url):
    """Says where a stream goes: by the template above it, by a template of its own, or by a static list."""
    holder = rtmp_holder(stream)
    if holder.get("rtmp") == NOT_PUSHED:
        del holder["rtmp"]
    if old["template"]:
        if old["is_template_shared"] and "rtmp" not in holder:
            return
        destination = own_destination(path, stream)
        destination.pop("urls", None)
        destination.pop("url_template", None)
        if not old["is_template_shared"]:
            destination["url_template"] = old["template"]
        if not holder["rtmp"]:
            del holder["rtmp"]
        return
    destination = own_destination(path, stream)
    before = destination.get("urls")
    # Addresses that were added behind it are backups of the user's.
    if not (isinstance(before, list) and before and address_of(before[0]) == escape_braces(url)):
        destination["urls"] = [escape_braces(url)]


def fill_stream(path, streams, camera_id, stream_id, old):
    """Name, encoder and address of one stream. A sub stream that no old file mentions is not made."""
    index = camera_id + stream_id * old["camera_count"]
    encoder = old["encoders"][index] if index < len(old["encoders"]) else None
    url = old["urls"][stream_id] if camera_id == 0 else None
    is_made_here = find_by_id(streams, "stream_id", stream_id) is None
    if stream_id > 0 and is_made_here and not encoder and not url:
        return
    stream = by_id(streams, "stream_id", stream_id)
    if "name" not in stream:
        name = STREAM_NAMES[stream_id]
        if any(isinstance(other, dict) and other.get("name") == name for other in streams):
            raise BadInput(f'{path}: camera {camera_id}: the name "{name}" of stream {stream_id} is that of another')
        stream["name"] = name
    if encoder:
        section(path, stream, "encoder", dict).update(encoder)
    if url:
        set_destination(path, stream, old, url)
    elif is_made_here:
        stream["rtmp"] = dict(NOT_PUSHED)


def fill_camera(path, camera, camera_id, old):
    """Source and streams of one camera."""
    source = section(path, camera, "source", dict)
    source.setdefault("type", "vendor")
    if camera_id < len(old["sensors"]) and source["type"] == "vendor":
        source["device"] = old["sensors"][camera_id]
    streams = section(path, camera, "streams", list)
    for stream_id in range(len(STREAM_NAMES)):
        fill_stream(path, streams, camera_id, stream_id, old)


def is_alone_below_the_top(rtmp, cameras, old):
    """Whether a template in the top section reaches the two streams of camera 0, and nothing else."""
    camera = find_by_id(cameras, "camera_id", 0) or {}
    between = rtmp_holder(camera).get("rtmp")
    others = [place for place, item in enumerate(list_of(camera, "streams"))
              if isinstance(item, dict) and item.get("stream_id", place) not in range(len(STREAM_NAMES))]
    is_hidden = "urls" in rtmp or (isinstance(between, dict) and ("urls" in between or "url_template" in between))
    return not (others or is_hidden or old["camera_count"] > 1 or any(item is not camera for item in cameras))


def make_room(path, config, cameras):
    """Raises system.max_cameras where the cameras are more than it allows."""
    enabled = sum(1 for camera in cameras if not isinstance(camera, dict) or camera.get("enabled", True) is True)
    system = config.get("system")
    limit = system.get("max_cameras", DEFAULT_MAX_CAMERAS) if isinstance(system, dict) else DEFAULT_MAX_CAMERAS
    if not isinstance(limit, int):
        raise BadInput(f"{path}: system.max_cameras: found {found(limit)}, allowed: a whole number")
    if enabled > limit:
        section(path, config, "system", dict)["max_cameras"] = enabled


def merge(path, config, old):
    """The new system_config.json: `config` with what the old files say."""
    config = copy.deepcopy(config)
    rtmp = section(path, rtmp_holder(config), "rtmp", dict)
    rtmp["enabled"] = old["is_enabled"]
    cameras = section(path, config, "cameras", list)
    old["is_template_shared"] = is_alone_below_the_top(rtmp, cameras, old)
    if old["template"] and old["is_template_shared"]:
        rtmp["url_template"] = old["template"]
    for camera_id in range(old["camera_count"]):
        fill_camera(path, by_id(cameras, "camera_id", camera_id), camera_id, old)
    make_room(path, config, cameras)
    return config


def read_old(path):
    """Everything the old files say, as one dictionary."""
    is_enabled, urls = read_net_service(path)
    sensors, encoders = (read(os.path.join(os.path.dirname(path), name))
                         for read, name in ((read_sensors, "vi.json"), (read_encoders, "venc.json")))
    return {"is_enabled": is_enabled, "urls": urls, "sensors": sensors, "encoders": encoders,
            "template": make_template(*urls), "camera_count": max(1, len(sensors))}


def keeps_names(config):
    """Whether an existing file leaves the first camera's streams the names that a template would be given."""
    camera = find_by_id(list_of(config, "cameras"), "camera_id", 0) or {}
    streams = [find_by_id(list_of(camera, "streams"), "stream_id", place) or {} for place in range(len(STREAM_NAMES))]
    return all(stream.get("name", name) == name for stream, name in zip(streams, STREAM_NAMES))


def to_bytes(path, config):
    try:
        return (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        raise BadInput(f"{path}: holds half of a surrogate pair, which is no text") from None


def write_atomically(path, content):
    """Replaces the file in one step: a reader, or a power cut, sees the old or the new one, never half of it."""
    folder = os.path.dirname(path) or "."
    handle, temporary = tempfile.mkstemp(prefix=".migrate-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
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
    before = b""
    if config is not None:
        with open(new_path, "rb") as file:
            before = file.read()
    after = to_bytes(arguments.new, merged)
    if arguments.dry_run:
        lines = [content.decode("utf-8-sig").splitlines(True) for content in (before, after)]
        sys.stdout.writelines(difflib.unified_diff(*lines, arguments.new, f"{arguments.new} (new)"))
        return
    if config is not None:
        write_atomically(new_path + ".bak", before)
        os.chmod(new_path + ".bak", stat.S_IMODE(os.stat(new_path).st_mode))
    write_atomically(new_path, after)
    how = "one url_template for main and sub" if old["template"] else "static urls"
    backup = f", the file as it was is {arguments.new}.bak" if config is not None else ""
    print(f"{arguments.new}: written ({how}){backup}")
    print(f"next: campush check --config {arguments.new}")


# Shape as in src/app/cli_definition.h: tools/cli_docs.py makes the manual page from it.
EPILOG = """\
venc.json (encoders) and vi.json (sensors) are read too when they lie beside the old
file: venc1 is the main encoder of the first sensor; encoders beyond the number of
sensors belong to the sub streams. Keys that this tool does not own stay as they are;
the file as it was before is kept as FILE.bak. Running it twice changes nothing.

Examples:
  migrate_rtmp_config --old net_service.json --new system_config.json --dry-run

Exit status:
  0  done, or nothing to do
  2  bad input or wrong usage: one line says what, and no file was touched
"""


def make_parser():
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", required=True, metavar="FILE", help="net_service.json of the old firmware")
    parser.add_argument("--new", required=True, metavar="FILE", help="system_config.json to write or merge into")
    parser.add_argument("--dry-run", action="store_true", help="print what would change as a diff, write nothing")
    return parser


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    try:
        migrate(arguments)
        return 0
    except BadInput as failure:
        problem = str(failure)
    except RecursionError:
        problem = f"{arguments.new}: nested too deeply"
    except OSError as failure:
        problem = f"{failure.filename or arguments.new}: {failure.strerror}"
    print(f"{parser.prog}: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
