// A thread of `quikc eval`: tiles of products, channels of codes, CTAs of launches.
import { serveTasks } from '../linear-algebra/serve-tasks.ts';
import { performEvaluate } from './evaluate-job.ts';

serveTasks(performEvaluate);
