import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layoutProperties, planCluster, portCount } from '../../cli/cluster-layout.ts';
import { freePorts } from '../../cli/free-ports.ts';
import { NodeProcess } from '../../cli/node-process.ts';
import { Admin } from '../../client/admin/admin.ts';
import { realPorts } from '../../ports/real/ports.ts';

/** Three real brokers on this machine for campaigns of kills, and who leads what. */
export class KillableCluster {
  readonly directory: string;
  readonly bootstrap: string;
  readonly ids: readonly number[];
  readonly admin: Admin;
  private readonly nodes: ReadonlyMap<number, NodeProcess>;

  private constructor(directory: string, bootstrap: string, nodes: ReadonlyMap<number, NodeProcess>) {
    this.directory = directory;
    this.bootstrap = bootstrap;
    this.nodes = nodes;
    this.ids = [...nodes.keys()];
    this.admin = new Admin(realPorts(), { 'bootstrap.servers': bootstrap, 'request.timeout.ms': 2000 });
  }

  static async start(
    brokers: number,
    settings: Readonly<Record<string, string>>,
    onLog: (nodeId: number, line: string) => void = () => {},
  ): Promise<KillableCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'mqlab-failover-'));
    const shape = { brokers, controllers: 0 };
    const layout = planCluster(shape, 'not used', await freePorts(portCount(shape)));
    const nodes = new Map(
      layout.nodes.map((node) => {
        const properties = { ...layoutProperties(layout, node, join(directory, `node-${node.id}`)), ...settings };
        return [node.id, new NodeProcess(properties, { onLog: (line) => onLog(node.id, line) })] as const;
      }),
    );
    await Promise.all([...nodes.values()].map((each) => each.start()));
    const bootstrap = layout.nodes.map(({ host, port }) => `${host}:${port}`).join(',');
    return new KillableCluster(directory, bootstrap, nodes);
  }

  logDir(id: number): string {
    return join(this.directory, `node-${id}`);
  }

  kill(id: number): Promise<void> {
    return this.nodes.get(id)!.kill();
  }

  async restart(id: number): Promise<void> {
    await this.nodes.get(id)!.start();
  }

  async stopAll(): Promise<void> {
    await this.admin.close();
    await Promise.all([...this.nodes.values()].map((each) => each.stop(20_000)));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
