// A thread of those that quantise: computes products, rounds rows, corrects them.
import { serveTasks } from '../linear-algebra/serve-tasks.ts';
import { performQuantise } from './perform-quantise.ts';

serveTasks(performQuantise);
