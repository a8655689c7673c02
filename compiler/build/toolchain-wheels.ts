/** A Python wheel that holds a part of the CUDA compiler, pinned to one file by its digest. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly sha256: string;
}

/**
 * CUDA 13.0 (x86-64 Linux), the parts nvcc needs to make PTX. 13.0 and not the newest: it writes PTX ISA 9.0, which
 * more drivers and every ptxas from 13.0 on accept. Versions are pinned one by one because the wheels' own
 * dependency lists are unversioned and would mix a newer cicc with this ptxas.
 */
export const toolchainWheels: readonly Wheel[] = [
  {
    project: 'nvidia-cuda-nvcc',
    version: '13.0.88',
    sha256: '56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03',
  },
  {
    project: 'nvidia-cuda-crt',
    version: '13.0.88',
    sha256: '2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4',
  },
  {
    project: 'nvidia-nvvm',
    version: '13.0.88',
    sha256: 'c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0',
  },
  {
    project: 'nvidia-cuda-runtime',
    version: '13.0.96',
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
  },
  {
    project: 'nvidia-cuda-cccl',
    version: '13.0.85',
    sha256: 'e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649',
  },
];

/** The folder of quikc's own toolchain inside its cache. */
export const toolchainFolder = 'toolchains/cuda-13.0.88';
/** Where the wheels put everything: one merged tree. */
export const toolkitInWheels = 'nvidia/cu13';
/** Written last; holds the digests of the wheels. Without it the folder does not count as installed. */
export const installMarker = 'installed.json';
