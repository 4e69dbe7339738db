# fish completion of migrate_rtmp_config: made by tools/cli_docs.py from the definition of the command line; change that, not this file.

complete -c migrate_rtmp_config -f
complete -c migrate_rtmp_config -s h -l help -d 'show this help message and exit'
complete -c migrate_rtmp_config -l old -r -F -d 'net_service.json of the old firmware'
complete -c migrate_rtmp_config -l new -r -F -d 'system_config.json to write or merge into'
complete -c migrate_rtmp_config -l dry-run -d 'print what would change as a diff, write nothing'
