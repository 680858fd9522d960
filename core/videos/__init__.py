"""Video files: read, painted frame by frame, written so that a killed run goes on where it stopped."""

from .encode import Encoding
from .job import FramePainter, VideoJob
from .read import VideoFile, VideoFrame

__all__ = ["Encoding", "FramePainter", "VideoFile", "VideoFrame", "VideoJob"]
