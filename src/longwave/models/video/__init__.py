"""Models of video: the networks for images with an axis of time, and their start from images."""

from longwave.models.video.classifier import VideoClassifier, VideoClassifierConfig
from longwave.models.video.inflation import inflate

__all__ = ["VideoClassifier", "VideoClassifierConfig", "inflate"]
