import { diagnose } from '../../diagnostics/codes.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { escapeText, quoteText } from '../../diagnostics/escape-text.ts';
import type { Result } from '../../support/result.ts';
import { fail, succeed } from '../../support/result.ts';

/** What a tokenizer is made of: the contents of Hugging Face's tokenizer.json and tokenizer_config.json. */
export interface TokenizerParts {
  readonly definition: object;
  readonly config: object;
  /** Jinja, as transformers renders it. */
  readonly chatTemplate?: string;
  readonly bos?: string;
  readonly eos?: string;
  /** Where it comes from, for diagnostics. */
  readonly file: string;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface ModelTokenizer {
  /** Tokens that stand for the begin and the end of a text, as texts. */
  readonly bos?: string;
  readonly eos?: string;
  readonly hasChatTemplate: boolean;
  /** Ids of a text; with `special`, those that the model wants before or after every text too. */
  encode(text: string, options?: { readonly special?: boolean }): Result<readonly number[], Diagnostic>;
  /** The text of ids, special tokens included. */
  decode(ids: readonly number[]): Result<string, Diagnostic>;
  /** A conversation as the text that the model continues with the assistant's next message. QK170 without a template. */
  renderChat(messages: readonly ChatMessage[]): Result<string, Diagnostic>;
}

/**
 * A tokenizer from its parts, by Hugging Face's own libraries, which are loaded here: no compile waits for them. They throw on
 * definitions that they do not know: QK169; QK170 for a chat template.
 */
export async function createTokenizer(parts: TokenizerParts): Promise<Result<ModelTokenizer, Diagnostic>> {
  const { definition, config, chatTemplate, bos, eos, file } = parts;
  const kind = modelKind(definition);
  if (!models.has(kind))
    return fail(
      diagnose('QK169', {
        file,
        message: `its model is ${quoteText(kind)}`,
        expected: 'BPE, Unigram or WordPiece',
      }),
    );
  const { Tokenizer } = await import('@huggingface/tokenizers');
  const { Template } = await import('@huggingface/jinja');
  const made = attempt('QK169', file, () => new Tokenizer(definition, config));
  if (!made.ok) return made;
  const tokenizer = made.value;
  return succeed({
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
    hasChatTemplate: chatTemplate !== undefined,
    encode: (text, { special = false } = {}) =>
      attempt('QK169', file, () => tokenizer.encode(text, { add_special_tokens: special }).ids),
    decode: (ids) =>
      // The library takes no empty list.
      ids.length === 0
        ? succeed('')
        : attempt('QK169', file, () => tokenizer.decode([...ids], { clean_up_tokenization_spaces: false })),
    renderChat: (messages) => {
      if (chatTemplate === undefined)
        return fail(diagnose('QK170', { file, message: 'the model has no chat template' }));
      const variables = { messages, add_generation_prompt: true, bos_token: bos ?? '', eos_token: eos ?? '' };
      return attempt('QK170', file, () => new Template(chatTemplate).render(variables));
    },
  });
}

const models: ReadonlySet<string> = new Set(['BPE', 'Unigram', 'WordPiece']);

/** The library guesses at a model that it does not know; a wrong guess would be wrong ids. */
function modelKind(definition: object): string {
  const model: unknown = Reflect.get(definition, 'model');
  const kind: unknown = model !== null && typeof model === 'object' ? Reflect.get(model, 'type') : undefined;
  return typeof kind === 'string' ? kind : 'missing';
}

function attempt<T>(code: 'QK169' | 'QK170', file: string, run: () => T): Result<T, Diagnostic> {
  try {
    return succeed(run());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return fail(diagnose(code, { file, message: escapeText(reason) }));
  }
}
