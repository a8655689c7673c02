import type { Target } from '../targets/target.ts';
import type { BackEnd } from './back-end.ts';
import { cudaBackEnd } from './cuda-back-end.ts';
import { wgslBackEnd } from './wgsl-back-end.ts';

/** The back end of a target's language. */
export function findBackEnd(target: Target): BackEnd {
  switch (target.dialect) {
    case 'cuda':
      return cudaBackEnd(target);
    case 'wgsl':
      return wgslBackEnd(target);
  }
}
