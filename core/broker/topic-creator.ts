import type { Controller } from '../controller/controller.ts';
import type { MutationGate } from '../controller/decision.ts';
import type { ClusterImage } from '../controller/image.ts';
import type { CreatedTopic, TopicDefaults, TopicToCreate } from '../controller/topic-decisions.ts';
import { ErrorCode } from '../protocol/errors.ts';
import { CreateTopics } from '../protocol/messages/19-create-topics.ts';
import type { ControllerGateway } from './controller-gateway.ts';
import type { TopicCreator } from './topic-creation.ts';

/**
 * Has the active controller make topics in this broker's own name.
 *
 * What a controller elsewhere made, now or before, is waited for a moment, so that who asked finds it here.
 */
export interface ClusterTopicCreatorParts {
  readonly controller: Controller;
  readonly gateway: ControllerGateway;
  readonly image: ClusterImage;
  /** Resolves when it is so, or the time is over. */
  readonly until: (isSo: () => boolean, timeoutMs: number) => Promise<void>;
}

const TIMEOUT_MS = 10_000;
const SEEN_MS_MAX = 2_000;

export class ClusterTopicCreator implements TopicCreator {
  private readonly parts: ClusterTopicCreatorParts;

  constructor(parts: ClusterTopicCreatorParts) {
    this.parts = parts;
  }

  async createTopics(
    topics: readonly TopicToCreate[],
    defaults: TopicDefaults,
    options: { readonly validateOnly: boolean; readonly mutations?: MutationGate },
  ): Promise<readonly CreatedTopic[]> {
    const { controller, gateway, image, until } = this.parts;
    if (gateway.isActiveHere) return controller.createTopics(topics, defaults, options);
    const answer = await gateway.askUntil(
      CreateTopics,
      {
        topics: topics.map(({ name, partitionCount, replicationFactor, assignments, configs }) => ({
          name,
          numPartitions: partitionCount,
          replicationFactor,
          assignments,
          configs,
        })),
        timeoutMs: TIMEOUT_MS,
        validateOnly: options.validateOnly,
      },
      TIMEOUT_MS,
    );
    const { NONE, TOPIC_ALREADY_EXISTS } = ErrorCode;
    const made = answer.topics.filter(({ errorCode }) => errorCode === NONE || errorCode === TOPIC_ALREADY_EXISTS);
    await until(() => made.every(({ name }) => image.topics.has(name)), SEEN_MS_MAX);
    return answer.topics.map((each) => ({
      name: each.name,
      topicId: each.topicId,
      errorCode: each.errorCode,
      errorMessage: each.errorMessage,
      partitionCount: each.numPartitions,
      replicationFactor: each.replicationFactor,
      configs: new Map(),
    }));
  }
}
