"""streetseg: street pictures in, compared and trusted segmentation networks out."""
