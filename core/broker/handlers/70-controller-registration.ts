import { ControllerRegistration } from '../../protocol/messages/70-controller-registration.ts';
import { nodeHandlerOf } from '../handler.ts';

/** ControllerRegistration 0, at the active controller: another controller makes itself known (KIP-919). */
export const controllerRegistrationHandler = nodeHandlerOf(ControllerRegistration, (node, request) =>
  node.controller.registerController(request),
);
