import { api, bytes, int16 } from '../schema.ts';

/** Envelope: a request forwarded to the controller in the name of its principal (KIP-590). */
export const Envelope = api(
  58,
  'Envelope',
  { versions: '0', flexible: '0+' },
  {
    requestData: bytes(),
    requestPrincipal: bytes('0+', { nullable: '0+' }),
    clientHostAddress: bytes(),
  },
  {
    responseData: bytes('0+', { nullable: '0+', default: null }),
    errorCode: int16(),
  },
);
