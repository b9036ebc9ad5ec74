import type { RequestCall } from '../handler.ts';
import type { ClientAttributes } from './client-telemetry.ts';

/** What a client says of its software in ApiVersions (KIP-511), by connection. */
export class ClientInformation {
  private readonly byConnection = new WeakMap<object, { readonly name: string; readonly version: string }>();

  told(call: RequestCall, name: string, version: string): void {
    this.byConnection.set(call.connection, { name, version });
  }

  /** As a client metrics subscription may ask for them. */
  attributesOf(call: RequestCall): ClientAttributes {
    const software = this.byConnection.get(call.connection);
    const attributes = new Map([
      ['client_source_address', call.connection.remote.host],
      ['client_source_port', String(call.connection.remote.port)],
    ]);
    if (call.clientId !== null) attributes.set('client_id', call.clientId);
    if (software !== undefined) {
      attributes.set('client_software_name', software.name);
      attributes.set('client_software_version', software.version);
    }
    return attributes;
  }
}
