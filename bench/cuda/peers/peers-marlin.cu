// Marlin's FP16 x INT4 GEMM behind a plain C interface.
//
// Theirs, compiled unchanged from the folder given at build time:
// marlin/marlin_cuda_kernel.cu, kernel and launcher. Ours: this file.
#include "marlin/marlin_cuda_kernel.cu"

extern "C" {

// C [m, n] fp16 = A [m, k] fp16 x B, INT4 in Marlin's layout [k / 16, 2 n]
// int32; scales [k / group, n] fp16, permuted as Marlin wants them; group 128
// or -1 (one scale per column). workspace: n / 128 * 16 int32 zeros, which the
// kernel leaves at zero. n % 256 == 0, k % 128 == 0.
// Returns 0, or Marlin's 1 (shape) or 2 (no such kernel), or 1000 + a CUDA
// error.
int marlin_linear(const void* A, const void* B, void* C, void* scales,
                  void* workspace, int m, int n, int k, int group, int device,
                  void* stream) {
  int status = marlin_cuda(A, B, C, scales, m, n, k, workspace, group, device,
                           static_cast<cudaStream_t>(stream));
  if (status != 0) return status;
  cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? 0 : 1000 + static_cast<int>(error);
}

}  // extern "C"
