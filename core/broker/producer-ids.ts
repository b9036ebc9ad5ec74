import type { ProducerIdBlock } from '../controller/controller.ts';

/** Hands out producer ids from blocks that the controller gave this broker. Ids of a block that a restart left unused are lost, never given twice. */
export class ProducerIds {
  private readonly nextBlock: () => Promise<ProducerIdBlock>;
  private next = 0;
  private end = 0;
  private filling: Promise<void> | null = null;

  constructor(nextBlock: () => Promise<ProducerIdBlock>) {
    this.nextBlock = nextBlock;
  }

  async take(): Promise<number> {
    while (this.next === this.end) {
      this.filling ??= this.fill().finally(() => {
        this.filling = null;
      });
      await this.filling;
    }
    return this.next++;
  }

  private async fill(): Promise<void> {
    const block = await this.nextBlock();
    this.next = block.first;
    this.end = block.first + block.count;
  }
}
