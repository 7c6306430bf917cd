#!/usr/bin/python3
"""An RTSP server that Gridwall did not write: GStreamer's gst-rtsp-server serving one MP4 or MOV file:
H.264 or H.265, silent or with AAC or G.711.

    streams/streamtest/foreign/server.py FILE.mp4 [PORT] [USER PASSWORD]

PORT 0 (the default) takes a free one. Once it serves, it prints the address, rtsp://127.0.0.1:PORT/live, on a
line of its own. With USER and PASSWORD it wants Digest authentication. Each client gets the file from its
beginning; at its end the session ends, as it does when a camera restarts. It ends with its standard input.

Debian packages: python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good (--no-install-recommends).
A file to serve: ffmpeg -f lavfi -i testsrc2=size=1280x720:rate=25:duration=60 -c:v libx264 -bf 2 -g 50 FILE.mp4
"""
import os
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

if len(sys.argv) not in (2, 3, 5) or not os.path.exists(sys.argv[1]):
    sys.exit(__doc__)
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[2] if len(sys.argv) > 2 else "0")
factory = GstRtspServer.RTSPMediaFactory()
film = os.path.abspath(sys.argv[1])
codecs = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", film], check=True, capture_output=True, text=True).stdout.split()
pays = {"h264": "rtph264pay pt=96", "hevc": "rtph265pay pt=96", "aac": "rtpmp4gpay pt=97", "pcm_alaw": "rtppcmapay pt=8", "pcm_mulaw": "rtppcmupay pt=0"}
tracks = ["d. ! queue ! %s name=pay%d" % (pays[codec], n) for n, codec in enumerate(codecs)]
factory.set_launch('( filesrc location="%s" ! qtdemux name=d %s )' % (film, " ".join(tracks)))
if len(sys.argv) == 5:
    user, password = sys.argv[3:]
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtspServer.RTSPAuthMethod.DIGEST if hasattr(GstRtspServer, "RTSPAuthMethod") else 2)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    factory.add_role_from_structure(Gst.Structure.new_from_string("viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"))
server.get_mount_points().add_factory("/live", factory)
if server.attach(None) == 0:
    sys.exit("cannot listen on port %s" % server.get_service())
print("rtsp://127.0.0.1:%d/live" % server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(0, GLib.IO_HUP | GLib.IO_IN, lambda *_: os.read(0, 512) != b"" or loop.quit())
loop.run()
