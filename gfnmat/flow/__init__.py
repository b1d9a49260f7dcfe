"""The GFlowNet: policy, training, sampling."""
