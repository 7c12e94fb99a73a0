"""Engines, each of which computes with one library; none of these sends its maker anything.

ONNX Runtime from 1.29 on sends events to Microsoft, under an identifier that it keeps in the user's cache folder, and
OpenVINO sends events to Google Analytics. Both ask when they are imported, and whatever imports them here imports this
package before.
"""

import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as if it was not installed
