"""OpenStack Swift with its S3 interface, all of it in this one process: account, container, object and proxy server on loopback ports.

    python3 swift-s3.py FOLDER      prints "listening on PORT"; access key test:tester, secret testing; ends with its standard input

Needs the Debian package python3-swift and a file system with extended attributes. For tests: one replica, no daemons, nothing else.
"""

import os
import socket
import sys
from time import time as clock

import eventlet
import eventlet.wsgi

folder = os.path.abspath(sys.argv[1])
os.makedirs(f"{folder}/devices/disk", exist_ok=True)
with open(f"{folder}/swift.conf", "w") as file:
    file.write("[swift-hash]\nswift_hash_path_suffix = suffix\nswift_hash_path_prefix = prefix\n")

import swift.common.utils as utils  # noqa: E402  the file above has to be there first

utils.SWIFT_CONF_FILE = f"{folder}/swift.conf"
utils.eventlet_monkey_patch()

from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

reload_storage_policies()

listeners = {}
for name in ("account", "container", "object", "proxy"):
    listeners[name] = eventlet.listen(("127.0.0.1", 0))
    listeners[name].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

for name in ("account", "container", "object"):
    port = listeners[name].getsockname()[1]
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder = RingBuilder(4, 1, 1)
    builder.add_dev({**place, "region": 1, "zone": 1, "device": "disk", "weight": 1, "meta": ""})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")

common = f"[DEFAULT]\nswift_dir = {folder}\ndevices = {folder}/devices\nmount_check = false\n"
storage = "[pipeline:main]\npipeline = {0}-server\n[app:{0}-server]\nuse = egg:swift#{0}\n"
configurations = {name: common + storage.format(name) for name in ("account", "container", "object")}
configurations["proxy"] = common + """[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_bucket_listing = 20
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class Cache:
    """What memcached is to Swift's proxy, which does not authenticate without one."""

    def __init__(self):
        self.kept = {}

    def get(self, key, raise_on_error=False):
        value, until = self.kept.get(key, (None, 0))
        return value if until == 0 or until > clock() else None

    def set(self, key, value, serialize=True, time=0, min_compress_len=0, raise_on_error=False):
        self.kept[key] = (value, time and clock() + time)

    def incr(self, key, delta=1, time=0):
        value = int(self.get(key) or 0) + delta
        self.set(key, value, time=time)
        return value

    def delete(self, key, server_key=None):
        self.kept.pop(key, None)


class Silence:
    def write(self, *_):
        pass

    def flush(self):
        pass


def with_cache(app, cache):
    def serve(environment, start_response):
        environment["swift.cache"] = cache
        return app(environment, start_response)

    return serve


for name, text in configurations.items():
    path = f"{folder}/{name}.conf"
    with open(path, "w") as file:
        file.write(text)
    app = with_cache(loadapp(path, global_conf={"log_name": name}), Cache())
    eventlet.spawn(eventlet.wsgi.server, listeners[name], app, Silence(), debug=False)

print(f"listening on {listeners['proxy'].getsockname()[1]}", flush=True)
eventlet.tpool.execute(sys.stdin.read)
