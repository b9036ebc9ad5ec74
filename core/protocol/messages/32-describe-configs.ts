import { api, array, bool, int8, int16, int32, string } from '../schema.ts';

/**
 * DescribeConfigs: the configs of topics, brokers and others; null keys ask for all of them, defaults included.
 * v1 adds sources and synonyms (KIP-226); v3 types and documentation (KIP-569).
 */
export const DescribeConfigs = api(
  32,
  'DescribeConfigs',
  { versions: '1-4', flexible: '4+' },
  {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: array(string(), '0+', { nullable: '0+' }),
    }),
    includeSynonyms: bool('1+'),
    includeDocumentation: bool('3+'),
  },
  {
    throttleTimeMs: int32('0+'),
    results: array({
      errorCode: int16(),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string('0+', { nullable: '0+' }),
        readOnly: bool(),
        configSource: int8('1+', { default: -1 }),
        isSensitive: bool(),
        synonyms: array({
          name: string(),
          value: string('1+', { nullable: '0+' }),
          source: int8(),
        }),
        configType: int8('3+'),
        documentation: string('3+', { nullable: '0+' }),
      }),
    }),
  },
);
