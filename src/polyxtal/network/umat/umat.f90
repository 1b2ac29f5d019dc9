subroutine umat(stress, statev, ddsdde, sse, spd, scd, rpl, ddsddt, drplde, drpldt, stran, dstran, &
                time, dtime, temp, dtemp, predef, dpred, cmname, ndi, nshr, ntens, nstatv, props, &
                nprops, coords, drot, pnewdt, celent, dfgrd0, dfgrd1, noel, npt, layer, kspt, &
                jstep, kinc)
  use, intrinsic :: ieee_arithmetic, only: ieee_is_finite
  use, intrinsic :: ieee_exceptions
  use umat_increment
  implicit none
  character(len=80) :: cmname
  integer :: ndi, nshr, ntens, nstatv, nprops, noel, npt, layer, kspt, jstep(*), kinc
  real(8) :: stress(ntens), statev(nstatv), ddsdde(ntens, ntens), sse, spd, scd, rpl
  real(8) :: ddsddt(ntens), drplde(ntens), drpldt, stran(ntens), dstran(ntens), time(2), dtime
  real(8) :: temp, dtemp, predef(*), dpred(*), props(*), coords(3), drot(3, 3), pnewdt, celent
  real(8) :: dfgrd0(3, 3), dfgrd1(3, 3)
  type(network_work), allocatable :: w
  real(8) :: piola(3, 3), tangent(9, 9), kirchhoff(3, 3), f0(3, 3), f1(3, 3), volume
  integer, parameter :: row(6) = [1, 2, 3, 1, 1, 2], column(6) = [1, 2, 3, 2, 3, 3]
  type(ieee_status_type) :: caller
  logical :: converged
  integer :: a, b
  if (nstatv < state_size) then
    write (*, *) 'UMAT: *DEPVAR must be at least ', state_size, ', but is ', nstatv
    stop 1
  end if
  if (ndi /= 3) then
    write (*, *) 'UMAT: NDI must be 3 (no plane stress), but is ', ndi
    stop 1
  end if
  ! Steps that fail may overflow on the way and are tried again in pieces: no exception may end a
  ! program that traps them.
  call ieee_get_status(caller)
  call ieee_set_halting_mode(ieee_all, .false.)
  if (.not. all(ieee_is_finite(statev(1:state_size)))) then
    write (*, *) 'UMAT: STATEV must be finite numbers, but is not at element ', noel, ', point ', npt
    call ieee_set_status(caller)
    ddsdde = 0.0d0
    pnewdt = 0.25d0
    return
  end if
  f0 = in_frame(dfgrd0)
  f1 = in_frame(dfgrd1)
  if (statev(flag) == 0.0d0) call initialise(f0, statev)
  allocate (w)
  call increment(f0, f1, dtime, statev, piola, tangent, w, converged)
  deallocate (w)
  call ieee_set_status(caller)
  ddsdde = 0.0d0
  if (.not. converged) then
    pnewdt = 0.25d0
    return
  end if
  volume = determinant(f1)
  kirchhoff = product3(piola, transpose(f1))
  do a = 1, ntens
    stress(a) = 0.5d0*(kirchhoff(row(a), column(a)) + kirchhoff(column(a), row(a)))/volume
    do b = 1, ntens
      ddsdde(a, b) = 0.25d0/volume*(jaumann(row(a), column(a), row(b), column(b)) &
                                    + jaumann(column(a), row(a), row(b), column(b)) &
                                    + jaumann(row(a), column(a), column(b), row(b)) &
                                    + jaumann(column(a), row(a), column(b), row(b)))
    end do
  end do

contains

  ! Jaumann rate of the Kirchhoff stress by D: A_iJkL F_jJ F_lL + tau_ik delta_jl.
  real(8) function jaumann(i, j, k, l)
    integer, intent(in) :: i, j, k, l
    integer :: m, n
    jaumann = 0.0d0
    if (j == l) jaumann = kirchhoff(i, k)
    do m = 1, 3
      do n = 1, 3
        jaumann = jaumann + tangent(3*(k - 1) + n, 3*(i - 1) + m)*f1(j, m)*f1(l, n)
      end do
    end do
  end function jaumann

  ! F, or without its rotation where the solver expects stress in a frame that rotates with it.
  function in_frame(f) result(out)
    real(8), intent(in) :: f(3, 3)
    real(8) :: out(3, 3), rotation(3, 3), change(3, 3)
    integer :: iteration
    out = f
    if (.not. corotational) return
    rotation = f
    do iteration = 1, 60
      change = 0.5d0*(transpose(inverse(rotation)) - rotation)
      rotation = rotation + change
      if (.not. maxval(abs(change)) > 2.0d-15) exit
    end do
    out = product3(transpose(rotation), f)
  end function in_frame

end subroutine umat
