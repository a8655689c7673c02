const control = 'control flow: it has no result of its own, and every kernel run on a GPU depends on it';
const move = 'copies bits: every probe loads, moves and stores';

/** Emitted instructions without a probe of their own, and why. */
export const withoutProbe: Readonly<Record<string, string>> = {
  bra: control,
  'bra.uni': control,
  ret: `${control}, each probe too`,
  'bar.sync':
    'needs several warps, which race detection checks; probes of one warp and golden kernels use it',
  'ld.param.u32': move,
  'ld.param.u64': move,
  'cvta.to.global.u64': 'generic and global addresses are the same number on every 64-bit target',
  'mov.b32': move,
  'mov.f32': move,
  'mov.u16': move,
  'mov.u32': `${move}; %tid and %ctaid decide which data a probe works on`,
  'mov.u64': move,
};
