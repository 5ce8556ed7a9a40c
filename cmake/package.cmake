# `cmake --install`, and the Debian package: `cpack -G DEB --config build/release/CPackConfig.cmake`.
include(GNUInstallDirs)

set(man_page ${CMAKE_BINARY_DIR}/waybill.1.gz)
add_custom_command(OUTPUT ${man_page}
  COMMAND ${WAYBILL_PYTHON} ${CMAKE_SOURCE_DIR}/cmake/man_page.py $<TARGET_FILE:waybill> ${man_page}
  DEPENDS waybill ${CMAKE_SOURCE_DIR}/cmake/man_page.py
  VERBATIM)
add_custom_target(man ALL DEPENDS ${man_page})

install(TARGETS waybill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${man_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES README.md docs/OPERATIONS.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES .env.sample DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME env.sample)
install(FILES third_party/swagger-ui/LICENSE third_party/swagger-ui/NOTICE
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/swagger-ui)
install(FILES deploy/debian/waybill.service DESTINATION /lib/systemd/system)
install(FILES deploy/debian/waybill.env DESTINATION /etc/waybill PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME waybill)
set(CPACK_PACKAGE_CONTACT "Waybill <waybill@localhost.localdomain>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "order-processing backend of an online shop")
set(CPACK_PACKAGE_DESCRIPTION "Accounts, catalogue, stock per location, orders and customer mail in one program,
on an embedded, durable database; or on MongoDB, Redis, SQS and SES.")
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)  # files go to /etc and /lib too
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.51), ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/deploy/debian/postinst ${CMAKE_SOURCE_DIR}/deploy/debian/prerm
  ${CMAKE_SOURCE_DIR}/deploy/debian/postrm ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles)
include(CPack)
