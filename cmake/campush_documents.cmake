# What is installed beside the programs: manual pages, completions, examples. The files are made by tools/cli_docs.py and
# tools/config_docs.py and committed, so that a cross build needs no program of its own; tests say when they are out of date.

# campush_documents(component name…): manual page and completions of these programs.
function(campush_documents component)
  foreach(name ${ARGN})
    set(completion ${CMAKE_SOURCE_DIR}/packaging/completion)
    install(FILES ${CMAKE_SOURCE_DIR}/docs/man/${name}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ${component})
    install(FILES ${completion}/bash/${name} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT ${component})
    install(FILES ${completion}/zsh/_${name} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT ${component})
    install(FILES ${completion}/fish/${name}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT ${component})
  endforeach()
endfunction()

campush_documents(campush campush)
campush_documents(campush-tools campush-sink campush-hal-check migrate_rtmp_config)
install(FILES ${CMAKE_SOURCE_DIR}/docs/man/system_config.json.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT campush)
install(FILES ${CMAKE_SOURCE_DIR}/etc/prometheus/campush.rules.yml DESTINATION ${CMAKE_INSTALL_DATADIR}/campush COMPONENT campush)
# Not those that play the clips of the tests.
install(FILES ${CMAKE_SOURCE_DIR}/etc/examples/link_test.json ${CMAKE_SOURCE_DIR}/etc/examples/secure_cloud.json
  ${CMAKE_SOURCE_DIR}/etc/examples/usb_camera.json ${CMAKE_SOURCE_DIR}/etc/examples/vendor_camera.json
  DESTINATION ${CMAKE_INSTALL_DATADIR}/campush/examples COMPONENT campush)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/tools/migrate_rtmp_config.py DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME migrate_rtmp_config
  COMPONENT campush-tools)
