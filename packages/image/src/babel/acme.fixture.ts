/** The worked example of spec nib-and-images.md §3.14, for tests. */
export const ACME = `version: 1.2.0
container_uri: docker://registry.example/acme-node:v7
protocol_key: acme
visibility: public
firewall_config: { default_in: deny, default_out: allow, rules: [] }
properties:
  - { key: rpc-token, name: RPC token, dynamic_value: true, default_value: "", ui_type: !password }
  - key: trace
    name: Tracing
    dynamic_value: false
    default_value: off
    ui_type: !switch
      on: { new_archive: true, add_cpu: 2, add_disk_gb: 500 }
  - key: history
    name: History
    dynamic_value: false
    default_value: full
    ui_type: !enum
      - { value: full, name: Full }
      - { value: pruned, name: Pruned, impact: { add_disk_gb: -300 } }
variants:
  - key: acmed-mainnet-full
    sku_code: ACMED-F-MN
    min_cpu: 8
    min_memory_mb: 16000
    min_disk_gb: 1000
    archive_pointers:
      - pointer: !store_key acme-acmed-mainnet-full-v1
      - pointer: !store_key acme-acmed-mainnet-full-trace-v1
        new_archive_properties: [trace-on]
`;
