// Ours: stands in for PyTorch's header of this name (see torch/extension.h).
#pragma once
#include <torch/extension.h>

namespace at::cuda {
struct CUDAGuard {
  explicit CUDAGuard(torch::Device) {}
};
}  // namespace at::cuda
