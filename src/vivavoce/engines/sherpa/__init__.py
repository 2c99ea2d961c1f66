"""sherpa-onnx: hears and speaks without a GPU, with models of many kinds."""
