"""The encoders that are named first: in hints and in the completion of a shell. Any other of timm's works too.

They are in a separate module so that a shell completes names without the seconds in which timm is imported.
"""

USUAL = (
    *("mobilenetv2_100", "mobilenetv3_large_100", "mobilenetv3_small_100"),
    *("resnet18", "resnet34", "resnet50", "resnet101"),
    *("resnext50_32x4d", "resnext101_32x8d"),
    *("efficientnet_b0", "efficientnet_b3", "efficientnet_lite0"),
    *("regnety_008", "densenet121", "mobileone_s1"),
)
